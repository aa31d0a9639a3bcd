import EmethKit
import Testing

@Suite struct SplitPlanTests {
  private func leaves(_ count: Int) -> [Bytes32] {
    (0..<count).map { SplitPlan.recordLeafHash(salt: [1, 2], record: "record \($0)".utf8) }
  }

  /// Every number of records and parts up to 40: sizes differ by one at most, nothing is lost or doubled.
  @Test func everySmallDivisionIsEvenAndCovers() throws {
    for records in UInt64(1)...40 {
      for parts in UInt32(1)...UInt32(records) {
        let ranges = try SplitPlan.ranges(recordCount: records, parts: parts)
        #expect(ranges.count == Int(parts))
        #expect(ranges.flatMap { Array($0) } == Array(0..<records))
        let sizes = ranges.map(\.count)
        #expect((sizes.max() ?? 0) - (sizes.min() ?? 0) <= 1)
        #expect(sizes == sizes.sorted(by: >), "the first parts take the remainder")
      }
    }
  }

  @Test func theLargestNumbersDivideToo() throws {
    let ranges = try SplitPlan.ranges(recordCount: .max, parts: 7)
    #expect(ranges.last?.upperBound == .max)
    #expect(zip(ranges, ranges.dropFirst()).allSatisfy { $0.upperBound == $1.lowerBound })
  }

  @Test func impossibleDivisionsAreErrors() {
    #expect(throws: SplittingError.noParts) { try SplitPlan.ranges(recordCount: 5, parts: 0) }
    #expect(throws: SplittingError.noRecords) { try SplitPlan.ranges(recordCount: 0, parts: 1) }
    #expect(throws: SplittingError.morePartsThanRecords(parts: 6, records: 5)) {
      try SplitPlan(leafHashes: leaves(5), parts: 6)
    }
    #expect(throws: SplittingError.noRecords) { try SplitPlan(leafHashes: [], parts: 1) }
  }

  @Test func aPlanCoversItsRecords() throws {
    for count in 1...20 {
      let leaves = leaves(count)
      for parts in 1...count {
        let plan = try SplitPlan(leafHashes: leaves, parts: UInt32(parts))
        try plan.check(leafHashes: leaves)
        for part in plan.parts {
          let own = Array(leaves[Int(part.firstRecord)..<Int(part.firstRecord + part.count)])
          try plan.check(part: part.index, leafHashes: own)
          let tree = StateTree(leafHashes: own)
          for (place, leaf) in own.enumerated() {
            try plan.check(
              record: part.firstRecord + UInt64(place), leafHash: leaf, proof: tree.proof(of: place),
              part: part.index)
          }
        }
      }
    }
  }

  /// A record that is lost, doubled, moved, changed or added is found, whichever it is.
  @Test func everyTamperedRecordIsFound() throws {
    let good = leaves(11)
    let plan = try SplitPlan(leafHashes: good, parts: 3)
    for index in good.indices {
      var lost = good
      lost.remove(at: index)
      #expect(throws: SplittingError.recordCount(found: 10, expected: 11)) {
        try plan.check(leafHashes: lost)
      }
      var doubled = good
      doubled[index] = good[(index + 1) % 11]
      #expect(throws: SplittingError.self) { try plan.check(leafHashes: doubled) }
      var swapped = good
      swapped.swapAt(index, (index + 1) % 11)
      #expect(throws: SplittingError.self) { try plan.check(leafHashes: swapped) }
      var added = good
      added.insert(.zero, at: index)
      #expect(throws: SplittingError.self) { try plan.check(leafHashes: added) }
    }
  }

  @Test func aRecordProvesItsOwnPlaceOnly() throws {
    let good = leaves(11)
    let plan = try SplitPlan(leafHashes: good, parts: 3)
    let tree = StateTree(leafHashes: Array(good[4..<8]))
    try plan.check(record: 5, leafHash: good[5], proof: tree.proof(of: 1), part: 1)
    #expect(throws: SplittingError.proofMismatch(record: 6, part: 1)) {
      try plan.check(record: 6, leafHash: good[5], proof: tree.proof(of: 1), part: 1)
    }
    #expect(throws: SplittingError.recordOutside(record: 3, part: 1, allowed: 4..<8)) {
      try plan.check(record: 3, leafHash: good[3], proof: [], part: 1)
    }
    #expect(throws: SplittingError.unknownPart(found: 3, count: 3)) {
      try plan.check(record: 3, leafHash: good[3], proof: [], part: 3)
    }
    #expect(throws: SplittingError.recordCount(found: 3, expected: 4)) {
      try plan.check(part: 0, leafHashes: Array(good[0..<3]))
    }
  }

  /// Plans from elsewhere that overlap, leave gaps, are uneven, out of order or too large for 64 bits.
  @Test func hostilePlansAreRefused() throws {
    func plan(_ records: UInt64, _ parts: [(UInt32, UInt64, UInt64)]) throws -> SplitPlan {
      try SplitPlan(
        recordCount: records, recordsRoot: .zero,
        parts: parts.map { SplitPlan.Part(index: $0, firstRecord: $1, count: $2, root: .zero) })
    }
    #expect(throws: Never.self) { try plan(5, [(0, 0, 3), (1, 3, 2)]) }
    let hostile: [(UInt64, [(UInt32, UInt64, UInt64)])] = [
      (5, []), (0, [(0, 0, 0)]), (5, [(0, 0, 5), (1, 5, 0)]), (5, [(0, 0, 2), (1, 2, 3)]),
      (5, [(0, 0, 3), (1, 2, 3)]), (5, [(0, 0, 2), (1, 3, 2)]), (5, [(1, 0, 3), (0, 3, 2)]),
      (5, [(0, 3, 2), (1, 0, 3)]), (5, [(0, 0, 3), (0, 3, 2)]), (5, [(0, 0, 3), (2, 3, 2)]),
      (6, [(0, 0, 3), (1, 3, 2)]), (5, [(0, 0, 6)]), (1, [(0, 0, 1), (1, 1, 0)]),
      (5, [(0, .max, 3), (1, 3, 2)]), (5, [(0, .max, .max), (1, 3, 2)]), (.max, [(0, 1, .max)]),
    ]
    for (records, parts) in hostile {
      #expect(throws: SplittingError.self, "\(records) \(parts)") { try plan(records, parts) }
    }
  }

  @Test func jsonIsCheckedLikeAnyPlan() throws {
    let plan = try SplitPlan(leafHashes: leaves(5), parts: 2)
    let text = try jsonText(plan)
    #expect(text.hasPrefix(#"{"parts":[{"count":"3","firstRecord":"0","index":0,"root":"0x"#))
    #expect(text.contains(#""recordCount":"5""#))
    #expect(try fromJSON(SplitPlan.self, text) == plan)
    #expect(throws: DecodingError.self) {
      try fromJSON(SplitPlan.self, text.replacing(#""recordCount":"5""#, with: #""recordCount":"6""#))
    }
    #expect(throws: DecodingError.self) {
      try fromJSON(SplitPlan.self, text.replacing(#""count":"3""#, with: #""count":"18446744073709551615""#))
    }
  }

  /// Made with another implementation (Python's hmac and hashlib).
  @Test func saltsAndLeavesAreThoseOfTheProtocol() throws {
    let secret = try Bytes32(hex: String(repeating: "09", count: 32))
    let salt = SplitPlan.recordSalt(partSecret: secret, index: 258)
    #expect(Hex.encode(salt) == "0x8d5b83b93a7b55f0cdc894dfbf2ece27")
    #expect(salt.count == SplitPlan.recordSaltBytes)
    #expect(
      SplitPlan.recordLeafHash(salt: salt, record: "hello".utf8).description
        == "0x2c3d278ffb4cc6c1304d122f9c9ded6970083983253214415bb5ca9419875756")
  }
}
