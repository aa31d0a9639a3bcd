import Foundation
import Testing

@testable import EmethKit

/// Seeds that a root commits to.
@Suite struct NoiseScheduleTests {
  private let schedule = NoiseSchedule(secret: SHA256.hash([1, 2, 3]), rounds: 7)

  @Test func everyRoundOpensToItsOwnSeed() throws {
    var seeds: Set<Bytes32> = []
    for round in 0..<7 as Range<UInt32> {
      let opening = schedule.opening(round: round)
      try opening.check(round: round, rounds: 7, root: schedule.root)
      seeds.insert(opening.seed)
      // HMAC-SHA256(secret, "noise seed" ‖ round), and its leaf 0x00 ‖ seed.
      let message = Array("noise seed".utf8) + [0, 0, 0, UInt8(round)]
      let seed = HMACSHA256.authenticate(message, key: SHA256.hash([1, 2, 3]).bytes)
      #expect(opening.seed == seed)
    }
    #expect(seeds.count == 7)
    // A training of other length has the same seeds, under another root.
    let longer = NoiseSchedule(secret: SHA256.hash([1, 2, 3]), rounds: 8)
    #expect(longer.opening(round: 3).seed == schedule.opening(round: 3).seed)
    #expect(longer.root != schedule.root)
    #expect(NoiseSchedule(secret: SHA256.hash([1, 2, 4]), rounds: 7).root != schedule.root)
  }

  @Test func anythingElseIsRefused() throws {
    let root = schedule.root
    let opening = schedule.opening(round: 2)
    #expect(throws: PrivacyError.seedMismatch(round: 3, root: root)) {
      try opening.check(round: 3, rounds: 7, root: root)
    }
    #expect(throws: PrivacyError.seedMismatch(round: 2, root: .zero)) {
      try opening.check(round: 2, rounds: 7, root: .zero)
    }
    #expect(throws: PrivacyError.roundOutside(found: 7, rounds: 7)) {
      try opening.check(round: 7, rounds: 7, root: root)
    }
    let forged = NoiseOpening(seed: SHA256.hash(opening.seed.bytes), proof: opening.proof)
    #expect(throws: PrivacyError.seedMismatch(round: 2, root: root)) {
      try forged.check(round: 2, rounds: 7, root: root)
    }
    for proof in [[], Array(opening.proof.dropLast()), opening.proof + [.zero], opening.proof.reversed()] {
      let altered = NoiseOpening(seed: opening.seed, proof: proof)
      #expect(throws: PrivacyError.seedMismatch(round: 2, root: root)) {
        try altered.check(round: 2, rounds: 7, root: root)
      }
    }
  }

  @Test func plansCarryTheRootsOnlyWhereThereIsNoise() throws {
    let leaves = (0..<10).map { SHA256.hash([UInt8($0)]) }
    let plan = try SplitPlan(leafHashes: leaves, parts: 3)
    let encoder = JSONEncoder()
    encoder.outputFormatting = .sortedKeys
    let plain = String(decoding: try encoder.encode(plan), as: UTF8.self)
    #expect(!plain.contains("noiseRoot"))
    #expect(try JSONDecoder().decode(SplitPlan.self, from: Data(plain.utf8)) == plan)

    let noisy = try plan.withNoise(roots: [.zero, schedule.root, .zero])
    try noisy.check(leafHashes: leaves)
    #expect(noisy.parts[1].noiseRoot == schedule.root)
    #expect(try JSONDecoder().decode(SplitPlan.self, from: encoder.encode(noisy)) == noisy)
    #expect(throws: SplittingError.partCount(found: 2, expected: 3)) {
      _ = try plan.withNoise(roots: [.zero, .zero])
    }
  }
}
