import Foundation
import Testing

@testable import EmethKit

@Suite struct ProofOfWorkTests {
  private static let challenge = String(repeating: "5a", count: 65)

  private func record(target: String) -> String {
    Self.challenge + target + String(repeating: "f", count: 64 - target.count)
  }

  @Test func aSolutionIsFoundAndChecks() throws {
    let work = try ProofOfWork(record: record(target: "00f") + "\n")
    let solution = try #require(work.solve { false })
    #expect(solution.count == 194 && solution.hasPrefix(Self.challenge))
    #expect(work.accepts(result: solution))
    // It is the smallest nonce, and the hash is what it must be.
    let nonce = try #require(UInt64(solution.suffix(16), radix: 16))
    func hash(_ nonce: UInt64) throws -> [UInt8] {
      let digits = String(nonce, radix: 16)
      let bytes = try Hex.decode(Self.challenge + String(repeating: "0", count: 64 - digits.count) + digits)
      return SHA256.hash(bytes).bytes
    }
    #expect(try hash(nonce)[0] == 0 && hash(nonce)[1] <= 0xFF)
    for smaller in 0..<nonce { #expect(try hash(smaller)[0] != 0 || hash(smaller)[1] > 0xFF) }
  }

  /// For EMETH Core a nonce begins with its node, and a challenge is signed for its job.
  @Test func aSolutionIsItsNodes() throws {
    let key = try PrivateKey(bytes: [UInt8](repeating: 7, count: 32))
    let job = try #require(JobID([UInt8](repeating: 9, count: 16)))
    let challenge = Hex.encode(key.sign(message: ProofOfWork.message(of: job)).bytes, prefixed: false)
    let work = try ProofOfWork(record: challenge + "00f" + String(repeating: "f", count: 61))
    let node = [UInt8](repeating: 0xab, count: 20)
    let solution = try #require(work.solve(startingWith: node) { false })
    #expect(work.accepts(result: solution) && solution == solution.lowercased())
    #expect(solution.dropFirst(130).hasPrefix(Hex.encode(node, prefixed: false)))
    #expect(try work.challenger(of: job) == key.address)
    let other = try #require(JobID([UInt8](repeating: 8, count: 16)))
    #expect((try? work.challenger(of: other)) != key.address)
    let forged = try ProofOfWork(record: record(target: "00f"))
    #expect((try? forged.challenger(of: job)) == nil, "v is 0x5a")
    // Of 256 nonces none will do.
    let hard = try ProofOfWork(record: record(target: "00000000"))
    #expect(hard.solve(startingWith: [UInt8](repeating: 0, count: 31), isStopped: { false }) == nil)
  }

  @Test func theTargetItselfIsSmallEnough() throws {
    let hash = SHA256.hash(try Hex.decode(Self.challenge + String(repeating: "00", count: 32)))
    let text = Hex.encode(hash.bytes, prefixed: false)
    let nonce = [UInt8](repeating: 0, count: 32)
    #expect(try ProofOfWork(record: Self.challenge + text).accepts(nonce: nonce))
    var below = hash.bytes
    below[31] &-= 1
    try #require(below[31] != 255)
    #expect(
      try !ProofOfWork(record: Self.challenge + Hex.encode(below, prefixed: false)).accepts(nonce: nonce))
  }

  @Test func otherResultsAreRefused() throws {
    let work = try ProofOfWork(record: record(target: "0ff"))
    let solution = try #require(work.solve { false })
    #expect(!work.accepts(result: ""))
    #expect(!work.accepts(result: String(solution.dropLast(2))))
    #expect(!work.accepts(result: "5b" + solution.dropFirst(2)), "another challenge")
    #expect(!(try ProofOfWork(record: record(target: "000000"))).accepts(result: solution))
  }

  @Test(arguments: ["", "5a", String(repeating: "5a", count: 96), String(repeating: "zz", count: 97)])
  func brokenRecordsAreRefused(text: String) {
    #expect(throws: ProgramError.self) { try ProofOfWork(record: text) }
  }

  @Test func aSearchCanBeStopped() throws {
    let work = try ProofOfWork(record: record(target: "00000000"))
    #expect(work.solve { true } == nil)
  }

  @Test func targetsThatNobodyMeetsAreRefused() throws {
    #expect(try ProofOfWork(record: record(target: "000000008")).target != .zero)
    for target in [String(repeating: "0", count: 64), "000000007", "0000000001"] {
      let error = #expect(throws: ProgramError.self) { try ProofOfWork(record: record(target: target)) }
      #expect(error?.code == "program.fieldOutOfRange")
      #expect(error?.message.contains("32 zero bits") ?? false)
    }
  }
}
