import EmethKit
import Testing

@Suite struct PayloadLayoutTests {
  @Test func lengthsAroundEveryBorderAgreeBothWays() throws {
    for chunks: UInt64 in [0, 1, 2, 3, 257, 1 << 20, 1 << 40] {
      for offset in -20...20 {
        let (plain, isBelow) = (chunks * 65_536).addingReportingOverflow(UInt64(bitPattern: Int64(offset)))
        guard offset >= 0 ? !isBelow : isBelow else { continue }
        let layout = try PayloadLayout(plainByteCount: plain)
        #expect(layout.sealedByteCount == plain + layout.chunkCount * 16)
        #expect(layout.chunkCount == max(1, (plain + 65_535) / 65_536))
        #expect(try PayloadLayout(sealedByteCount: layout.sealedByteCount) == layout)
        #expect(layout.lastChunk.upperBound == layout.sealedByteCount)
        #expect(layout.lastChunk.lowerBound == (layout.chunkCount - 1) * 65_552)
      }
    }
  }

  /// Every length up to three chunks: those that sealed data has are read, all others refused.
  @Test func everyOtherSealedLengthIsRefused() throws {
    let possible = Set(
      try (0...2 * 65_536 + 40).map { try PayloadLayout(plainByteCount: $0).sealedByteCount })
    for length in 0...UInt64(2 * 65_552 + 40) {
      if possible.contains(length) {
        #expect(try PayloadLayout(sealedByteCount: length).sealedByteCount == length)
      } else {
        #expect(throws: SealingError.payloadLength(found: length)) {
          try PayloadLayout(sealedByteCount: length)
        }
      }
    }
  }

  @Test func lengthsBeyond64BitsAreRefused() throws {
    #expect(throws: SealingError.payloadTooLong) { try PayloadLayout(plainByteCount: .max) }
    let largest = try PayloadLayout(sealedByteCount: .max - 1)
    #expect(try PayloadLayout(plainByteCount: largest.plainByteCount) == largest)
    #expect(throws: SealingError.payloadTooLong) {
      try PayloadLayout(plainByteCount: largest.plainByteCount + 40)
    }
  }
}
