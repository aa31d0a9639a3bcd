import EmethKit
import Foundation

/// Decompression as RFC 1951 describes it, of what strangers send: whatever it says, no more comes out than is allowed.
struct Inflate {
  /// What is wrong with compressed bytes.
  private enum Fault: Error { case broken, tooLong }

  /// What errors call it.
  static let errorName = "compressed bytes"

  private let input: [UInt8]
  private let limit: Int
  private var place = 0
  private var bits: UInt32 = 0
  private var bitCount: UInt32 = 0
  private var output: [UInt8] = []

  /// The bytes that were compressed.
  ///
  /// - Parameter limit: how many they may be.
  /// - Throws: ``NetworkError/malformed(what:reason:)``.
  static func decompress(_ data: Data, limit: Int) throws(NetworkError) -> Data {
    var inflate = Inflate(input: Array(data), limit: limit)
    do throws(Fault) {
      try inflate.run()
    } catch {
      switch error {
      case .broken: throw .malformed(what: errorName, reason: "they are not as RFC 1951 has them")
      case .tooLong: throw .malformed(what: errorName, reason: "they hold more than \(limit) bytes")
      }
    }
    return Data(inflate.output)
  }

  private init(input: [UInt8], limit: Int) { (self.input, self.limit) = (input, limit) }

  private mutating func run() throws(Fault) {
    var isLast = false
    while !isLast {
      isLast = try take(1) == 1
      switch try take(2) {
      case 0: try stored()
      case 1: try block(Self.fixedLengths, Self.fixedDistances)
      case 2:
        let (lengths, distances) = try codes()
        try block(lengths, distances)
      default: throw .broken
      }
    }
  }

  // MARK: - Bits

  private mutating func take(_ count: UInt32) throws(Fault) -> Int {
    while bitCount < count {
      guard place < input.count else { throw .broken }
      bits |= UInt32(input[place]) << bitCount
      place += 1
      bitCount += 8
    }
    let found = bits & ((1 << count) - 1)
    bits >>= count
    bitCount -= count
    return Int(found)
  }

  private mutating func put(_ byte: UInt8) throws(Fault) {
    guard output.count < limit else { throw .tooLong }
    output.append(byte)
  }

  // MARK: - Blocks

  private mutating func stored() throws(Fault) {
    (bits, bitCount) = (0, 0)
    guard place + 4 <= input.count else { throw .broken }
    let count = Int(input[place]) | Int(input[place + 1]) << 8
    let check = Int(input[place + 2]) | Int(input[place + 3]) << 8
    place += 4
    guard count == check ^ 0xFFFF, place + count <= input.count else { throw .broken }
    guard output.count + count <= limit else { throw .tooLong }
    output += input[place..<place + count]
    place += count
  }

  private mutating func block(_ lengths: Huffman, _ distances: Huffman) throws(Fault) {
    while true {
      let symbol = try read(lengths)
      if symbol < 256 {
        try put(UInt8(symbol))
        continue
      }
      if symbol == 256 { return }
      guard symbol - 257 < Self.lengthBase.count else { throw .broken }
      let length = Self.lengthBase[symbol - 257] + (try take(Self.lengthBits[symbol - 257]))
      let number = try read(distances)
      guard number < Self.distanceBase.count else { throw .broken }
      let distance = Self.distanceBase[number] + (try take(Self.distanceBits[number]))
      guard distance <= output.count else { throw .broken }
      // A distance below the length repeats what it has just written.
      for _ in 0..<length { try put(output[output.count - distance]) }
    }
  }

  /// The two codes that stand before a block.
  private mutating func codes() throws(Fault) -> (lengths: Huffman, distances: Huffman) {
    let (lengthCount, distanceCount) = (try take(5) + 257, try take(5) + 1)
    var own = [UInt8](repeating: 0, count: 19)
    for index in 0..<(try take(4) + 4) { own[Self.order[index]] = UInt8(try take(3)) }
    let code = try Huffman(own)
    var lengths: [UInt8] = []
    while lengths.count < lengthCount + distanceCount {
      let symbol = try read(code)
      var (length, times) = (UInt8(0), 1)
      switch symbol {
      case 0..<16: length = UInt8(symbol)
      case 16:
        guard let last = lengths.last else { throw .broken }
        length = last
        times = 3 + (try take(2))
      case 17: times = 3 + (try take(3))
      default: times = 11 + (try take(7))
      }
      lengths += [UInt8](repeating: length, count: times)
    }
    guard lengths.count == lengthCount + distanceCount else { throw .broken }
    return (try Huffman(Array(lengths[..<lengthCount])), try Huffman(Array(lengths[lengthCount...])))
  }

  private mutating func read(_ code: Huffman) throws(Fault) -> Int {
    var (found, first, index) = (0, 0, 0)
    for count in code.counts.dropFirst() {
      found |= try take(1)
      if found - first < count { return code.symbols[index + found - first] }
      index += count
      first = (first + count) << 1
      found <<= 1
    }
    throw .broken
  }

  /// A code by the lengths of its words, 15 bits at most: of each length how many, and their symbols in order.
  private struct Huffman {
    var counts = [Int](repeating: 0, count: 16)
    var symbols: [Int] = []

    init(_ lengths: [UInt8]) throws(Fault) {
      for length in lengths { counts[Int(length)] += 1 }
      counts[0] = 0
      var left = 1
      for count in counts.dropFirst() {
        left = left << 1 - count
        guard left >= 0 else { throw .broken }
      }
      for length in 1..<16 {
        symbols += lengths.indices.filter { lengths[$0] == length }
      }
    }

    /// A code that is known to be one.
    fileprivate init(fixed lengths: [UInt8]) {
      for length in lengths { counts[Int(length)] += 1 }
      for length in 1..<16 { symbols += lengths.indices.filter { lengths[$0] == length } }
    }
  }

  private static let fixedLengths = Huffman(
    fixed: (0..<288).map { $0 < 144 ? 8 : $0 < 256 ? 9 : $0 < 280 ? 7 : 8 })
  private static let fixedDistances = Huffman(fixed: [UInt8](repeating: 5, count: 30))
  private static let order = [16, 17, 18, 0, 8, 7, 9, 6, 10, 5, 11, 4, 12, 3, 13, 2, 14, 1, 15]
  private static let lengthBase = [
    3, 4, 5, 6, 7, 8, 9, 10, 11, 13, 15, 17, 19, 23, 27, 31, 35, 43, 51, 59, 67, 83, 99, 115, 131, 163, 195,
    227, 258,
  ]
  private static let lengthBits: [UInt32] = [
    0, 0, 0, 0, 0, 0, 0, 0, 1, 1, 1, 1, 2, 2, 2, 2, 3, 3, 3, 3, 4, 4, 4, 4, 5, 5, 5, 5, 0,
  ]
  private static let distanceBase = [
    1, 2, 3, 4, 5, 7, 9, 13, 17, 25, 33, 49, 65, 97, 129, 193, 257, 385, 513, 769, 1025, 1537, 2049, 3073,
    4097, 6145, 8193, 12289, 16385, 24577,
  ]
  private static let distanceBits: [UInt32] = [
    0, 0, 0, 0, 1, 1, 2, 2, 3, 3, 4, 4, 5, 5, 6, 6, 7, 7, 8, 8, 9, 9, 10, 10, 11, 11, 12, 12, 13, 13,
  ]
}
