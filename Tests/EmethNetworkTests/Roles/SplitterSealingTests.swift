import EmethCompute
import EmethKit
import Foundation
import Testing

@testable import EmethNetwork

/// Parts are opened by the node that took them, and by nobody else.
@Suite struct SplitterSealingTests {
  private let splitter = Splitter(key: TestNetwork.key("splitter", 0))
  private let job = JobID(requester: TestNetwork.key("requester", 0).address, salt: .zero)

  private func part() throws -> TrainingData {
    try TrainingData(context: 3, bytes: Data((0..<16_000).map { UInt8(($0 * 31) % 251) }))
  }

  private func header(part: UInt32 = 0, attempt: UInt32 = 0, for key: PrivateKey, expiry: UInt64 = 100) throws
    -> Data
  {
    let position = SubJobPosition(parent: job, round: 0, part: part, attempt: attempt)
    return try splitter.header(
      of: job, part: part, subJob: position.id, node: key.address,
      binding: SignedKeyBinding(signing: KeyBinding(of: key, expiry: expiry), in: .embedded, with: key),
      now: 50, domain: .embedded)
  }

  @Test func theNodeThatTookItOpensItAndNobodyElse() throws {
    let part = try part()
    let payload = try splitter.payload(of: part, job: job, index: 0)
    #expect(
      try splitter.payload(of: part, job: job, index: 0) == payload, "a run that goes on makes the same")
    #expect(payload.range(of: part.bytes.prefix(64)) == nil)
    let (first, second) = (TestNetwork.key("node", 0), TestNetwork.key("node", 1))
    let file = try header(for: first) + payload
    #expect(try Data(OpeningStream.open(file, with: [first.sealingIdentity()])) == part.bytes)
    #expect(throws: SealingError.self) { try OpeningStream.open(file, with: [second.sealingIdentity()]) }
    // The part goes on to another: the payload stays, and the one that lost it can't open the new file.
    let next = try header(attempt: 1, for: second) + payload
    #expect(try Data(OpeningStream.open(next, with: [second.sealingIdentity()])) == part.bytes)
    #expect(throws: SealingError.self) { try OpeningStream.open(next, with: [first.sealingIdentity()]) }
    // A header of another part opens nothing.
    let foreign = try header(part: 1, for: first) + payload
    #expect(throws: SealingError.self) { try OpeningStream.open(foreign, with: [first.sealingIdentity()]) }
  }

  @Test func aKeyThatIsNotTheNodesOwnGetsNoHeader() throws {
    let (node, thief) = (TestNetwork.key("node", 0), TestNetwork.key("thief", 0))
    #expect(throws: NetworkError.self) { try header(for: node, expiry: 50) }
    let stolen = KeyBinding(account: node.address, sealingKey: thief.sealingKey(), epoch: 0, expiry: 100)
    for key in [thief] {
      #expect(throws: NetworkError.self) {
        try splitter.header(
          of: job, part: 0, subJob: job, node: node.address,
          binding: SignedKeyBinding(signing: stolen, in: .embedded, with: key), now: 50, domain: .embedded)
      }
    }
  }

  @Test func nothingOfTheDataIsAmongWhatRolesShare() async throws {
    let finished = try await TestNetwork.run(settings: NetworkSettings(nodes: 3))
    let text = try DataSet(
      name: "sentences", bytes: Data(TestNetwork.text().utf8), tokenizer: ByteTokenizer(), context: 16)
    // A record is 17 tokens of 4 bytes; the text itself stands in 1 byte a token.
    let needles = [
      text.training.record(1), text.validation.record(0), Data(TestNetwork.text().utf8.prefix(68)),
    ]
    for (folder, mayHold) in [("objects", false), ("nodes", false), ("splitter", true)] {
      let files = FileManager.default.enumerator(
        at: finished.folder.url.appending(path: folder), includingPropertiesForKeys: nil)
      var found = false
      for case let file as URL in files?.allObjects ?? [] {
        guard let bytes = try? Data(contentsOf: file) else { continue }
        found = found || needles.contains { bytes.range(of: $0) != nil }
      }
      #expect(found == mayHold, "\(folder)")
    }
  }
}
