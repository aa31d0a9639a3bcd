import EmethKit
import Testing

@Suite struct RangeOpenerTests {
  private let identity = SealingIdentity.test(1)

  private func sealed(_ plain: [UInt8]) throws -> [UInt8] {
    var random = ChaCha20Generator(key: .zero)
    return try SealingStream.seal(plain, to: [identity.recipient], using: &random)
  }

  private func opener(_ file: [UInt8], startByteCount: Int = 4096) throws -> RangeOpener {
    let start = try RangeOpener.Start(
      file.prefix(startByteCount), fileByteCount: UInt64(file.count), identities: [identity])
    return try RangeOpener(
      start, lastChunk: file[Int(start.lastChunk.lowerBound)..<Int(start.lastChunk.upperBound)])
  }

  private func slice(_ file: [UInt8], _ range: Range<UInt64>) -> ArraySlice<UInt8> {
    file[Int(range.lowerBound)..<Int(range.upperBound)]
  }

  @Test(arguments: [0, 1, 65_535, 65_536, 65_537, 131_072, 400_001])
  func rangesEqualSlicesOfTheData(count: Int) throws {
    var random = SeededGenerator()
    let plain = testBytes(count)
    let file = try sealed(plain)
    var opener = try opener(file)
    #expect(opener.layout.plainByteCount == UInt64(count))
    let borders = [0, 1, 65_535, 65_536, 65_537, 131_071, 131_072, 131_073, count - 1, count]
      .filter { (0...count).contains($0) }
    var ranges = borders.flatMap { lower in borders.filter { $0 >= lower }.map { lower..<$0 } }
    for _ in 0..<scaled(20) {
      let ends = [Int.random(in: 0...count, using: &random), Int.random(in: 0...count, using: &random)]
        .sorted()
      ranges.append(ends[0]..<ends[1])
    }
    for range in ranges {
      let wanted = UInt64(range.lowerBound)..<UInt64(range.upperBound)
      let place = try opener.fileRange(of: wanted)
      #expect(place.count <= (range.count / 65_536 + 2) * PayloadLayout.sealedChunkByteCount)
      #expect(try opener.open(wanted, from: slice(file, place)) == Array(plain[range]))
    }
    let beyond = UInt64(count)..<UInt64(count) + 1
    let error = SealingError.rangeOutside(found: beyond, byteCount: UInt64(count))
    #expect(throws: error) { try opener.fileRange(of: beyond) }
    #expect(throws: error) { try opener.open(beyond, from: []) }
  }

  @Test func theBeginningMustHoldHeaderAndNonce() throws {
    let file = try sealed(testBytes(10))
    let start = file.count - 26
    for count in 0..<start {
      #expect(throws: SealingError.headerCut(at: UInt64(count))) { try opener(file, startByteCount: count) }
    }
    #expect(try opener(file, startByteCount: start).layout.plainByteCount == 10)
    #expect(throws: SealingError.noMatch(kinds: ["X25519"])) {
      try RangeOpener.Start(file, fileByteCount: UInt64(file.count), identities: [.someone])
    }
  }

  @Test func aFileThatWasCutIsRefusedBeforeAnythingIsRead() throws {
    let file = try sealed(testBytes(3 * 65_536 + 100))
    let start = file.count - 3 * 65_552 - 116
    for end in [start + 65_552, start + 2 * 65_552, start + 3 * 65_552] {
      #expect(throws: SealingError.payloadCut(at: UInt64(end))) { try opener(Array(file.prefix(end))) }
    }
    #expect(throws: SealingError.chunkAltered(chunk: 3, at: UInt64(start + 3 * 65_552))) {
      try opener(Array(file.dropLast()))
    }
    #expect(throws: SealingError.payloadLength(found: 0)) { try opener(Array(file.prefix(start))) }
    #expect(throws: SealingError.payloadLength(found: 65_552 + 16)) {
      try opener(Array(file.prefix(start + 65_552 + 16)))
    }
  }

  @Test func bytesThatAreNotThoseAskedForAreRefused() throws {
    let file = try sealed(testBytes(100_000))
    let start = try RangeOpener.Start(file, fileByteCount: UInt64(file.count), identities: [identity])
    let last = slice(file, start.lastChunk)
    #expect(throws: SealingError.payloadCut(at: UInt64(file.count - 1))) {
      try RangeOpener(start, lastChunk: last.dropLast())
    }
    var opener = try RangeOpener(start, lastChunk: last)
    let place = try opener.fileRange(of: 0..<70_000)
    #expect(throws: SealingError.payloadCut(at: place.upperBound - 5)) {
      try opener.open(0..<70_000, from: slice(file, place).dropLast(5))
    }
    #expect(throws: SealingError.self) { try opener.open(0..<10, from: file) }
  }

  @Test func alteredChunksAreRefusedAndOthersOpen() throws {
    let plain = testBytes(4 * 65_536)
    var file = try sealed(plain)
    let start = file.count - 4 * 65_552
    file[start + 65_552 + 7] ^= 1
    var opener = try opener(file)
    for (range, isGenuine) in [
      (0..<65_536, true), (65_536..<65_537, false), (131_072..<262_144, true), (1..<262_000, false),
    ] {
      let wanted = UInt64(range.lowerBound)..<UInt64(range.upperBound)
      let bytes = slice(file, try opener.fileRange(of: wanted))
      if isGenuine {
        #expect(try opener.open(wanted, from: bytes) == Array(plain[range]))
      } else {
        #expect(throws: SealingError.chunkAltered(chunk: 1, at: UInt64(start + 65_552))) {
          try opener.open(wanted, from: bytes)
        }
      }
    }
  }
}
