import EmethKit
import Foundation
import Testing

@testable import EmethNetwork

/// The Aggregator in a process of its own: nothing of an update is in its memory or its files.
///
/// An update's windows of 64 bytes are noted at every 64th byte, and memory is searched for them at every
/// byte, so that no alignment hides one: whatever holds 127 bytes of an update in a row holds a whole window.
@Suite struct AggregatorProcessTests {
  private struct Scene {
    let folder: TemporaryFolder
    let store: ContentStore
    let roster: Roster
    let masked: [SignedMasked]
    /// q of every member, i32.
    let updates: [Data]
    /// The differences that they were made of, binary32.
    let differences: [Data]

    var work: VectorWork { VectorWork(threads: 1) }

    init(members: Int = 4, coordinates: Int = 40_000) throws {
      folder = try TemporaryFolder()
      store = try ContentStore(folder: folder.url.appending(path: "objects"))
      let keys = (0..<members).map { TestNetwork.key("node", UInt32($0)) }
      let parent = JobID(requester: TestNetwork.key("requester", 0).address, salt: .zero)
      var random = SystemRandomNumberGenerator()
      var differences: [JobID: [Float]] = [:]
      let seats = keys.enumerated().map { index, key in
        let id = SubJobPosition(parent: parent, round: 0, part: UInt32(index), attempt: 0).id
        differences[id] = (0..<coordinates).map { _ in Float.random(in: -0.9...0.9, using: &random) }
        return CohortSeat(jobID: id, node: key.address, resultRoot: .zero)
      }
      let plan = try CohortPlan(
        cohort: Cohort(seats), round: 0, attempt: 0, programHash: .zero, initRoot: .zero,
        coordinates: UInt64(coordinates))
      var secrets: [JobID: RoundSecret] = [:]
      var signed: [JobID: SignedRoundKey] = [:]
      for (seat, key) in zip(seats, keys) {
        let secret = RoundSecret(using: &random)
        secrets[seat.jobID] = secret
        signed[seat.jobID] = SignedRoundKey(
          signing: RoundKey(of: plan, seat: seat, roundKey: secret.publicKey), in: .embedded, with: key)
      }
      roster = try Roster(plan: plan, keys: signed)
      let work = VectorWork(threads: 1)
      var (masked, updates, plain): ([SignedMasked], [Data], [Data]) = ([], [], [])
      for entry in roster.entries {
        let floats = try #require(differences[entry.jobID])
        let update = floats.map { Int32(($0 * 4_194_304).rounded(.toNearestOrEven)) }
          .withUnsafeBufferPointer { Data(buffer: $0) }
        let mask = try UpdateMask(
          secret: #require(secrets[entry.jobID]), roster: roster, member: entry.jobID)
        var vector = update
        let root = try work.mask(&vector, with: mask)
        try store.put(vector: vector, root: root)
        let word = Masked(
          jobID: entry.jobID, round: 0, attempt: 0, rosterHash: roster.hash, maskedRoot: root)
        let key = try #require(keys.first { $0.address == entry.node })
        masked.append(SignedMasked(signing: word, in: .embedded, with: key))
        updates.append(update)
        plain.append(floats.withUnsafeBufferPointer { Data(buffer: $0) })
      }
      (self.masked, self.updates, self.differences) = (masked, updates, plain)
    }

    /// What the process is told.
    func task(plant: URL?) throws -> Data {
      func tree(_ value: some Encodable) throws -> Any {
        try JSONSerialization.jsonObject(with: WireFormat.encoder.encode(value))
      }
      var task: [String: Any] = [
        "store": store.folder.path, "folder": folder.url.appending(path: "own").path, "key": 0,
        "offer": try tree(CohortMessage.offer(roster, deadline: 0)),
        "masked": try masked.map { try tree(CohortMessage.masked($0)) },
      ]
      task["plant"] = plant?.path
      return try JSONSerialization.data(withJSONObject: task) + Data("\n".utf8)
    }
  }

  /// Bytes of a page; ranges begin and end with one.
  private static let page = 4_096

  /// Everything that a process can read in its memory, range by range.
  private func memory(of process: Int32) throws -> [[UInt8]] {
    let maps = try String(contentsOf: URL(filePath: "/proc/\(process)/maps"), encoding: .utf8)
    let descriptor = open("/proc/\(process)/mem", O_RDONLY | O_CLOEXEC)
    try #require(descriptor >= 0, "this system lets nobody read a child's memory")
    defer { close(descriptor) }
    var ranges: [[UInt8]] = []
    for line in maps.split(separator: "\n") {
      let fields = line.split(separator: " ", maxSplits: 2)
      guard fields.count > 1, fields[1].first == "r" else { continue }
      let ends = fields[0].split(separator: "-").compactMap { UInt64($0, radix: 16) }
      guard ends.count == 2, ends[1] < UInt64(Int64.max) else { continue }
      var bytes = [UInt8](repeating: 0, count: Int(ends[1] - ends[0]))
      var filled = 0
      while filled < bytes.count {
        let count = bytes.withUnsafeMutableBytes {
          pread(
            descriptor, $0.baseAddress?.advanced(by: filled), $0.count - filled,
            off_t(ends[0]) + off_t(filled))
        }
        // Pages of the kernel can't be read, nor what a thread that has just ended had in the middle of a range.
        filled += count > 0 ? count : Self.page - filled % Self.page
      }
      ranges.append(bytes)
    }
    return ranges
  }

  /// Runs the Aggregator on a scene and searches its memory while it holds everything.
  private func search(_ scene: Scene, plant: URL? = nil) throws -> (
    hits: Int, masked: Int, searched: String, sum: SignedCohortSum
  ) {
    let process = Process()
    process.executableURL = Bundle.module.bundleURL.deletingLastPathComponent()
      .appending(path: "AggregatorProcess")
    let (input, output) = (Pipe(), Pipe())
    process.standardInput = input
    process.standardOutput = output
    try process.run()
    defer { process.waitUntilExit() }
    defer { try? input.fileHandleForWriting.close() }
    try input.fileHandleForWriting.write(contentsOf: scene.task(plant: plant))
    var answer = Data()
    while answer.last != UInt8(ascii: "\n") {
      let more = output.fileHandleForReading.availableData
      try #require(!more.isEmpty, "the Aggregator ended without a sum")
      answer += more
    }
    guard case .cohortSum(let sum) = try CohortMessage(wire: answer) else {
      throw NetworkError.inconsistent(what: "the Aggregator's answer is no sum")
    }
    let ranges = try memory(of: process.processIdentifier)
    try #require(process.isRunning, "the Aggregator ended while its memory was searched")
    try #require(!ranges.isEmpty, "no range of its memory can be read")
    let filled = ranges.reduce(0) { $0 + ($1.contains { $0 != 0 } ? $1.count : 0) }
    let searched = "\(ranges.count) ranges, \(filled) bytes in those that are not all 0"
    let secret = WindowSearch(scene.updates + scene.differences)
    let posted = WindowSearch(
      try scene.masked.map { try scene.store.vector($0.content.maskedRoot, work: scene.work) })
    return (
      ranges.reduce(0) { $0 + secret.hits(in: $1) }, ranges.reduce(0) { $0 + posted.hits(in: $1) },
      searched, sum
    )
  }

  @Test func nothingOfAnUpdateIsInItsMemoryOrFiles() throws {
    let scene = try Scene()
    let found = try search(scene)
    #expect(found.hits == 0)
    #expect(found.masked > 4 * 2_000, "what was posted is in \(found.searched)")
    // The sum is right all the same.
    let sum = try scene.store.vector(found.sum.content.sumRoot, work: scene.work)
    #expect(try sum == scene.work.sum(of: scene.updates))
    let files = searchFiles(of: scene)
    #expect(files.hits == [:])
    #expect(files.byteCount >= 5 * 160_000, "four masked vectors and the sum")
    // The same search finds what lies in a file beside them, at any place of it.
    for shift in [0, 1, 63] {
      let plant = scene.folder.url.appending(path: "plant-\(shift)")
      try (Data(repeating: 0xA5, count: shift) + scene.updates[shift % 4]).write(to: plant)
      #expect((searchFiles(of: scene).hits["plant-\(shift)"] ?? 0) >= 2_500, "all windows of one update")
      try FileManager.default.removeItem(at: plant)
    }
  }

  /// Windows of updates in the files of a scene, by the names of those that have any, and the bytes of all files.
  private func searchFiles(of scene: Scene) -> (hits: [String: Int], byteCount: Int) {
    let secret = WindowSearch(scene.updates + scene.differences)
    let files = FileManager.default.enumerator(at: scene.folder.url, includingPropertiesForKeys: nil)
    var found: (hits: [String: Int], byteCount: Int) = ([:], 0)
    for case let file as URL in files?.allObjects ?? [] {
      guard let bytes = try? Data(contentsOf: file) else { continue }
      let hits = secret.hits(in: Array(bytes))
      if hits > 0 { found.hits[file.lastPathComponent] = hits }
      found.byteCount += bytes.count
    }
    return found
  }

  @Test(arguments: [0, 1, 2, 3, 7, 33])
  func aPlantedUpdateIsFoundAtAnyPlace(shift: Int) throws {
    let scene = try Scene()
    let file = scene.folder.url.appending(path: "plant")
    // Bytes before it put it at any place of a word.
    try (Data(repeating: 0xA5, count: shift) + scene.updates[shift % 4]).write(to: file)
    #expect(try search(scene, plant: file).hits >= 2_500, "all windows of one update")
  }
}
