@testable import EmethCompute

/// The factors of dropout, one element at a time, from RFC 8439's block function alone.
struct DropoutOracle {
  let probability: Double
  let key: [UInt32]
  let step: UInt32

  init(probability: Double, seed: [UInt8], step: UInt32) throws {
    self.probability = probability
    self.step = step
    let zeros = [UInt8](repeating: 0, count: 12)
    let bytes = try ContentHash.sha256(Array("dropout".utf8) + seed + zeros)
    key = (0..<8).map { word in (0..<4).reduce(0) { $0 | UInt32(bytes[4 * word + $1]) << UInt32(8 * $1) } }
  }

  /// 0 or 1 / (1 − probability).
  func factor(_ place: Dropout.Place, layer: Int, row: Int, n: Int, column: Int) -> Double {
    let word = row * ((n + 15) / 16 * 16) + column
    let block = Self.block(
      key,
      [
        UInt32(truncatingIfNeeded: word / 16), UInt32(truncatingIfNeeded: word >> 36), step,
        UInt32(4 * layer) + place.rawValue,
      ])
    return Double(block[word % 16]) < (probability * 0x1p32).rounded() ? 0 : 1 / (1 - probability)
  }

  /// ChaCha20's block function (RFC 8439, section 2.3).
  static func block(_ key: [UInt32], _ counterAndNonce: [UInt32]) -> [UInt32] {
    let start: [UInt32] = [0x6170_7865, 0x3320_646E, 0x7962_2D32, 0x6B20_6574] + key + counterAndNonce
    var x = start
    func mix(_ a: Int, _ b: Int, _ d: Int, by bits: UInt32) {
      x[a] &+= x[b]
      x[d] = (x[d] ^ x[a]) << bits | (x[d] ^ x[a]) >> (32 - bits)
    }
    func quarter(_ a: Int, _ b: Int, _ c: Int, _ d: Int) {
      mix(a, b, d, by: 16)
      mix(c, d, b, by: 12)
      mix(a, b, d, by: 8)
      mix(c, d, b, by: 7)
    }
    for _ in 0..<10 {
      for i in 0..<4 { quarter(i, 4 + i, 8 + i, 12 + i) }
      for i in 0..<4 { quarter(i, 4 + (i + 1) % 4, 8 + (i + 2) % 4, 12 + (i + 3) % 4) }
    }
    return zip(x, start).map(&+)
  }
}
