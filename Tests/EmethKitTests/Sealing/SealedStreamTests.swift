import EmethKit
import Testing

/// Sealing and opening as streams: every size, every cut, every flipped bit.
@Suite struct SealedStreamTests {
  private let chunk = PayloadLayout.plainChunkByteCount
  private let sealedChunk = PayloadLayout.sealedChunkByteCount
  private let identity = SealingIdentity.test(1)

  private func seal(_ plain: [UInt8], step: Int = .max, seed: UInt8 = 0) throws -> [UInt8] {
    var random = ChaCha20Generator(key: SHA256.hash([seed]))
    var stream = try SealingStream(to: [identity.recipient], using: &random)
    var file: [UInt8] = []
    var rest = plain[...]
    while !rest.isEmpty {
      try stream.append(rest.prefix(step), to: &file)
      rest = rest.dropFirst(step)
    }
    try stream.finish(to: &file)
    return file
  }

  @Test(arguments: [0, 1, 2, 65_535, 65_536, 65_537, 131_071, 131_072, 131_073, 200_000])
  func everySizeInEveryStep(count: Int) throws {
    let plain = testBytes(count)
    let whole = try seal(plain)
    let layout = try PayloadLayout(plainByteCount: UInt64(count))
    #expect(whole.count == 200 - 32 + Int(layout.sealedByteCount) + PayloadKey.nonceByteCount)
    for step in [997, chunk - 1, chunk, chunk + 1, 3 * chunk, .max] {
      // The same random numbers give the same file, however the data comes.
      #expect(try seal(plain, step: step) == whole)
      let (data, error) = opened(whole, [identity], step: step)
      #expect(error == nil && data == plain)
    }
    if count < 10 { #expect(opened(whole, [identity], step: 1).data == plain) }
    #expect(try OpeningStream.open(whole, with: [identity]) == plain)
  }

  @Test func everyFileHasItsOwnKeys() throws {
    let (first, second) = (try seal([1, 2, 3], seed: 1), try seal([1, 2, 3], seed: 2))
    let differing = zip(first, second).filter { $0 != $1 }.count
    #expect(first.count == second.count && differing > 140)
  }

  @Test func cutAnywhereItIsNeverAccepted() throws {
    let plain = testBytes(300)
    let file = try seal(plain)
    for count in 0..<file.count {
      let (data, error) = opened(Array(file.prefix(count)), [identity], step: 64)
      #expect(data.isEmpty)
      let isHeader = count < file.count - 300 - 16
      switch error {
      case .headerCut(let at): #expect(isHeader && at == UInt64(count))
      case .payloadCut(let at): #expect(!isHeader && at == UInt64(count))
      case .chunkAltered(let chunk, _): #expect(!isHeader && chunk == 0)
      default: Issue.record("cut at \(count): \(error.map { "\($0)" } ?? "accepted")")
      }
    }
  }

  /// Cuts around every border of a file of several chunks: what comes out is genuine, never taken for all.
  @Test(arguments: [3 * 65_536, 3 * 65_536 + 1, 2 * 65_536 + 500])
  func cutAroundChunksItIsNeverAccepted(count: Int) throws {
    let plain = testBytes(count)
    let file = try seal(plain)
    let start = file.count - Int(try PayloadLayout(plainByteCount: UInt64(count)).sealedByteCount)
    let borders = [0, 1, 2, 3].map { start + $0 * sealedChunk }
    for border in borders {
      for end in border - 18...border + 18 where end < file.count {
        let (data, error) = opened(Array(file.prefix(end)), [identity], step: 100_000)
        let whole = max(0, end - start) / sealedChunk
        #expect(error != nil && data.elementsEqual(plain.prefix(data.count)))
        // A whole chunk is given out; what is left of one never.
        #expect(data.count == whole * chunk)
        if end == border, whole > 0 { #expect(error == .payloadCut(at: UInt64(end))) }
      }
    }
  }

  @Test func noFlippedBitIsAccepted() throws {
    let plain = testBytes(40)
    let file = try seal(plain)
    for bit in 0..<file.count * 8 {
      var altered = file
      altered[bit / 8] ^= 1 << UInt8(bit % 8)
      let (data, error) = opened(altered, [identity])
      #expect(error != nil && data.isEmpty, "bit \(bit)")
    }
  }

  @Test func flippedBitsOfLongFilesStopAtTheirChunk() throws {
    var random = SeededGenerator()
    let plain = testBytes(5 * chunk + 77)
    let file = try seal(plain)
    let start = file.count - Int(try PayloadLayout(plainByteCount: UInt64(plain.count)).sealedByteCount)
    for _ in 0..<scaled(40) {
      let place = Int.random(in: start..<file.count, using: &random)
      var altered = file
      altered[place] ^= 1 << UInt8.random(in: 0..<8, using: &random)
      let (data, error) = opened(altered, [identity], step: Int.random(in: 1000...300_000, using: &random))
      let index = (place - start) / sealedChunk
      #expect(data.elementsEqual(plain.prefix(index * chunk)))
      #expect(error == .chunkAltered(chunk: UInt64(index), at: UInt64(start + index * sealedChunk)))
    }
  }

  @Test func chunksThatAreMovedRepeatedOrLeftOutAreFound() throws {
    let plain = testBytes(3 * chunk + 5)
    let file = try seal(plain)
    let start = file.count - Int(try PayloadLayout(plainByteCount: UInt64(plain.count)).sealedByteCount)
    let head = file[..<start]
    let chunks = (0..<4).map { file[(start + $0 * sealedChunk)...].prefix(sealedChunk) }
    for order in [[1, 0, 2, 3], [0, 0, 1, 2, 3], [0, 2, 3], [0, 1, 3], [3], [0, 1, 2, 3, 3], [1, 2, 3]] {
      let (data, error) = opened(Array(head + order.flatMap { chunks[$0] }), [identity])
      let genuine = zip(order, 0...).prefix { $0 == $1 }.count
      #expect(error != nil && data.elementsEqual(plain.prefix(min(genuine, 3) * chunk)))
    }
    // A genuine last chunk of full size with something behind it.
    let full = try seal(testBytes(chunk))
    for tail in [1, 20, sealedChunk, 2 * sealedChunk] {
      let (data, error) = opened(full + [UInt8](repeating: 0, count: tail), [identity])
      #expect(data == testBytes(chunk) && error == .trailingBytes(at: UInt64(full.count)))
    }
  }

  /// Who goes on after an error gets nothing more, though later chunks are genuine by themselves.
  @Test func anErrorIsTheEnd() throws {
    let plain = testBytes(4 * chunk)
    var file = try seal(plain)
    let start = file.count - 4 * sealedChunk
    file[start + sealedChunk] ^= 1
    var stream = OpeningStream(identities: [identity])
    var data: [UInt8] = []
    var errors: [SealingError] = []
    for offset in stride(from: 0, to: file.count, by: sealedChunk) {
      do throws(SealingError) {
        try stream.append(file[offset...].prefix(sealedChunk), to: &data)
      } catch {
        errors.append(error)
      }
    }
    do throws(SealingError) {
      try stream.finish(to: &data)
    } catch {
      errors.append(error)
    }
    let expected = SealingError.chunkAltered(chunk: 1, at: UInt64(start + sealedChunk))
    #expect(errors.count > 2 && errors.allSatisfy { $0 == expected })
    #expect(data.elementsEqual(plain.prefix(chunk)))
  }

  @Test func memoryStaysSmallWhateverArrives() throws {
    var random = SystemRandomNumberGenerator()
    var sealer = try SealingStream(to: [identity.recipient], using: &random)
    var opener = OpeningStream(identities: [identity])
    let part = testBytes(1 << 20)
    var (sent, came) = (SHA256(), SHA256())
    var (sealed, data): ([UInt8], [UInt8]) = ([], [])
    for _ in 0..<scaled(16) {
      try sealer.append(part, to: &sealed)
      sent.update(part)
      try opener.append(sealed, to: &data)
      came.update(data)
      // What one part leaves waiting never grows.
      #expect(sealed.count <= part.count + 100_000 && data.count <= part.count + 100_000)
      sealed.removeAll(keepingCapacity: true)
      data.removeAll(keepingCapacity: true)
    }
    try sealer.finish(to: &sealed)
    try opener.append(sealed, to: &data)
    #expect(opener.plainByteCount > 0)
    try opener.finish(to: &data)
    came.update(data)
    #expect(came.finalize() == sent.finalize())
  }
}

/// Bytes that follow from their place.
func testBytes(_ count: Int) -> [UInt8] {
  (0..<count).map { UInt8(truncatingIfNeeded: $0 &* 2_654_435_761 >> 13) }
}

extension SealingIdentity {
  /// An identity that follows from a number.
  static func test(_ number: UInt8) -> SealingIdentity {
    var random = ChaCha20Generator(key: SHA256.hash([0x1D, number]))
    return SealingIdentity(using: &random)
  }
}
