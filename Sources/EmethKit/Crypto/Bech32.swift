/// Bech32 text (BIP 173): a readable prefix, bytes in groups of five bits, a checksum of six characters.
///
/// Its limit of 90 characters holds, which is above what a key of 32 bytes needs.
enum Bech32 {
  /// Why a text is not Bech32.
  enum Fault: Error, Equatable {
    case length(found: Int)
    case mixedCase
    case noSeparator
    case character(at: Int)
    case checksum
    case padding
    case prefix(expected: String)

    /// What is wrong, in a few words that follow a colon. Says nothing of the text but its form, since the
    /// text may be a secret.
    var problem: String {
      switch self {
      case .length(let found): "it has \(found) characters, allowed are 8 to \(Bech32.maximumCount)"
      case .mixedCase: "it mixes upper and lower case"
      case .noSeparator: "it has no 1 between its prefix and its data"
      case .character(let at): "it has a character at offset \(at) that Bech32 does not have"
      case .checksum: "its checksum is wrong, so it was mistyped or cut"
      case .padding: "it does not hold whole bytes"
      case .prefix(let expected): "it does not begin with \(expected)1"
      }
    }
  }

  static let maximumCount = 90
  private static let checksumCount = 6
  private static let alphabet = Array("qpzry9x8gf2tvdw0s3jn54khce6mua7l".utf8)
  private static let values: [UInt8: UInt8] = Dictionary(
    uniqueKeysWithValues: alphabet.enumerated().map { ($1, UInt8($0)) })

  /// The text of bytes, all lower or all upper case as the prefix is.
  static func encode(prefix: String, _ bytes: some Collection<UInt8>) -> String {
    let isUpper = prefix != prefix.lowercased()
    let name = Array(prefix.lowercased().utf8)
    let data = regroup(Array(bytes), from: 8, to: 5)
    let checksum = polynomial(expand(name) + data + [UInt8](repeating: 0, count: checksumCount)) ^ 1
    let groups = data + (0..<checksumCount).map { UInt8(checksum >> UInt32(5 * (5 - $0)) & 31) }
    let text = String(decoding: name + [UInt8(ascii: "1")] + groups.map { alphabet[Int($0)] }, as: UTF8.self)
    return isUpper ? text.uppercased() : text
  }

  /// The bytes of a text with this prefix, in the case of the prefix.
  static func decode(prefix: String, _ text: String) throws(Fault) -> [UInt8] {
    let characters = Array(text.utf8)
    guard characters.count <= maximumCount else { throw .length(found: characters.count) }
    for (offset, character) in characters.enumerated() where !(33...126).contains(character) {
      throw .character(at: offset)
    }
    let isLower = !characters.contains { (UInt8(ascii: "A")...UInt8(ascii: "Z")).contains($0) }
    let isUpper = !characters.contains { (UInt8(ascii: "a")...UInt8(ascii: "z")).contains($0) }
    guard isLower || isUpper else { throw .mixedCase }
    guard let separator = characters.lastIndex(of: UInt8(ascii: "1")), separator > 0 else {
      throw .noSeparator
    }
    guard characters[..<separator].elementsEqual(prefix.utf8) else { throw .prefix(expected: prefix) }
    guard characters.count - separator - 1 >= checksumCount else { throw .length(found: characters.count) }
    var groups: [UInt8] = []
    for offset in separator + 1..<characters.count {
      let character = characters[offset] | (isUpper ? 0x20 : 0)
      guard let value = values[character] else {
        throw .character(at: offset)
      }
      groups.append(value)
    }
    guard polynomial(expand(Array(prefix.lowercased().utf8)) + groups) == 1 else { throw .checksum }
    let data = groups.dropLast(checksumCount)
    let spareBits = data.count * 5 % 8
    guard spareBits < 5, data.last.map({ $0 & (1 << UInt8(spareBits) - 1) }) ?? 0 == 0 else { throw .padding }
    return regroup(Array(data), from: 5, to: 8)
  }

  /// Bits in groups of another size; when bytes become groups, the last one is filled with zeros.
  private static func regroup(_ input: [UInt8], from: Int, to: Int) -> [UInt8] {
    var output: [UInt8] = []
    var (waiting, bits) = (UInt32(0), 0)
    for group in input {
      waiting = (waiting << UInt32(from) | UInt32(group)) & 0xFFFF
      bits += from
      while bits >= to {
        bits -= to
        output.append(UInt8(truncatingIfNeeded: waiting >> UInt32(bits)) & UInt8((1 << to) - 1))
      }
    }
    if to < from, bits > 0 {
      output.append(UInt8(truncatingIfNeeded: waiting << UInt32(to - bits)) & UInt8((1 << to) - 1))
    }
    return output
  }

  /// The prefix as the checksum takes it in: high bits, zero, low bits.
  private static func expand(_ prefix: [UInt8]) -> [UInt8] {
    prefix.map { $0 >> 5 } + [0] + prefix.map { $0 & 31 }
  }

  private static func polynomial(_ groups: [UInt8]) -> UInt32 {
    let generators: [UInt32] = [0x3b6a_57b2, 0x2650_8e6d, 0x1ea1_19fa, 0x3d42_33dd, 0x2a14_62b3]
    var checksum: UInt32 = 1
    for group in groups {
      let top = checksum >> 25
      checksum = (checksum & 0x1FF_FFFF) << 5 ^ UInt32(group)
      for (bit, generator) in generators.enumerated() where top >> UInt32(bit) & 1 == 1 {
        checksum ^= generator
      }
    }
    return checksum
  }
}
