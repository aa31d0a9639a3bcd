import EmethKit

/// A big integer as simple as it can be, for comparison: bytes, least significant first, arithmetic as at
/// school and division bit by bit.
struct NaiveInteger: Equatable {
  /// No zeros at the end.
  var bytes: [UInt8]

  init(bytes: [UInt8]) {
    self.bytes = bytes
    while self.bytes.last == 0 { self.bytes.removeLast() }
  }

  init(_ number: UInt256) {
    self.init(bytes: number.bigEndianBytes.reversed())
  }

  init(_ high: UInt256, _ low: UInt256) {
    self.init(bytes: low.bigEndianBytes.reversed() + high.bigEndianBytes.reversed())
  }

  /// The number modulo 2^256.
  var lowWord: UInt256 { UInt256(bigEndianBytes: bytes.prefix(32).reversed()) ?? 0 }
  /// The number divided by 2^256, modulo 2^256.
  var highWord: UInt256 { UInt256(bigEndianBytes: bytes.dropFirst(32).prefix(32).reversed()) ?? 0 }

  subscript(index: Int) -> Int { index < bytes.count ? Int(bytes[index]) : 0 }

  static func < (left: NaiveInteger, right: NaiveInteger) -> Bool {
    if left.bytes.count != right.bytes.count { return left.bytes.count < right.bytes.count }
    return left.bytes.reversed().lexicographicallyPrecedes(right.bytes.reversed())
  }

  static func + (left: NaiveInteger, right: NaiveInteger) -> NaiveInteger {
    var carry = 0
    var sum: [UInt8] = []
    for index in 0...max(left.bytes.count, right.bytes.count) {
      carry += left[index] + right[index]
      sum.append(UInt8(carry & 255))
      carry >>= 8
    }
    return NaiveInteger(bytes: sum)
  }

  /// The difference; `right` must not be larger.
  static func - (left: NaiveInteger, right: NaiveInteger) -> NaiveInteger {
    var borrow = 0
    var difference: [UInt8] = []
    for index in left.bytes.indices {
      let value = left[index] - right[index] - borrow
      borrow = value < 0 ? 1 : 0
      difference.append(UInt8(value & 255))
    }
    return NaiveInteger(bytes: difference)
  }

  static func * (left: NaiveInteger, right: NaiveInteger) -> NaiveInteger {
    var product = [Int](repeating: 0, count: left.bytes.count + right.bytes.count + 1)
    for i in left.bytes.indices {
      for j in right.bytes.indices {
        product[i + j] += left[i] * right[j]
      }
    }
    for index in product.indices.dropLast() {
      product[index + 1] += product[index] >> 8
      product[index] &= 255
    }
    return NaiveInteger(bytes: product.map { UInt8($0) })
  }

  func quotientAndRemainder(dividingBy divisor: NaiveInteger) -> (NaiveInteger, NaiveInteger) {
    var quotient = [UInt8](repeating: 0, count: bytes.count)
    var rest = NaiveInteger(bytes: [])
    for bit in (0..<8 * bytes.count).reversed() {
      rest = rest + rest + NaiveInteger(bytes: [bytes[bit / 8] >> UInt8(bit % 8) & 1])
      if !(rest < divisor) {
        rest = rest - divisor
        quotient[bit / 8] |= 1 << UInt8(bit % 8)
      }
    }
    return (NaiveInteger(bytes: quotient), rest)
  }

  /// The digits, one division by ten after another.
  var decimal: String {
    var digits = ""
    var rest = self
    repeat {
      let (quotient, digit) = rest.quotientAndRemainder(dividingBy: NaiveInteger(bytes: [10]))
      digits = "\(digit[0])" + digits
      rest = quotient
    } while !rest.bytes.isEmpty
    return digits
  }
}

extension UInt256 {
  /// A number that likes the edges: limbs of all zeros, all ones, single bits, small numbers, or anything.
  static func adversarial(using generator: inout some RandomNumberGenerator) -> UInt256 {
    func limb() -> UInt128 {
      switch Int.random(in: 0..<8, using: &generator) {
      case 0: 0
      case 1: .max
      case 2: 1 << UInt128.random(in: 0..<128, using: &generator)
      case 3: .max - UInt128.random(in: 0...3, using: &generator)
      case 4: UInt128.random(in: 0...3, using: &generator)
      case 5: .max << UInt128.random(in: 0..<128, using: &generator)
      default: UInt128.random(in: 0...UInt128.max, using: &generator)
      }
    }
    return UInt256(high: limb(), low: limb())
  }
}
