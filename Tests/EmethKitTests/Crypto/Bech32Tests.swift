import Testing

@testable import EmethKit

@Suite struct Bech32Tests {
  /// BIP 173, valid texts: those whose data is whole bytes.
  @Test func textsOfTheStandard() throws {
    #expect(try Bech32.decode(prefix: "A", "A12UEL5L") == [])
    #expect(try Bech32.decode(prefix: "a", "a12uel5l") == [])
    let all = try Bech32.decode(prefix: "abcdef", "abcdef1qpzry9x8gf2tvdw0s3jn54khce6mua7lmqqqxw")
    #expect(Hex.encode(all, prefixed: false) == "00443214c74254b635cf84653a56d7c675be77df")
    #expect(Bech32.encode(prefix: "abcdef", all) == "abcdef1qpzry9x8gf2tvdw0s3jn54khce6mua7lmqqqxw")
    #expect(Bech32.encode(prefix: "A", []) == "A12UEL5L")
    let long = "an83characterlonghumanreadablepartthatcontainsthenumber1andtheexcludedcharactersbio1tt5tgs"
    #expect(try Bech32.decode(prefix: String(long.dropLast(7)), long) == [])
  }

  private static let strangers: [(text: String, fault: Bech32.Fault)] = [
    ("A12UEL5l", .mixedCase), ("a12uel5m", .checksum), ("a12uel5", .length(found: 7)), ("a", .noSeparator),
    ("", .noSeparator), ("12uel5l", .noSeparator), ("b12uel5l", .prefix(expected: "a")),
    ("a12uel5b", .character(at: 7)), ("a12uel5\u{7F}", .character(at: 7)), ("a12uel5é", .character(at: 7)),
    ("A12UEL5L", .prefix(expected: "a")), (String(repeating: "a", count: 91), .length(found: 91)),
  ]

  @Test(arguments: strangers)
  func whatIsNone(text: String, fault: Bech32.Fault) {
    #expect(throws: fault) { try Bech32.decode(prefix: "a", text) }
  }

  @Test func roundTripsOfEveryLength() throws {
    var random = SeededGenerator()
    for count in 0...40 {
      let bytes = (0..<count).map { _ in UInt8.random(in: 0...255, using: &random) }
      for prefix in ["age", "AGE-SECRET-KEY-"] {
        let text = Bech32.encode(prefix: prefix, bytes)
        #expect(text.hasPrefix("\(prefix)1"))
        #expect(try Bech32.decode(prefix: prefix, text) == bytes)
      }
    }
  }

  /// Bits that are left over must be zero and fewer than five, or two texts would stand for the same bytes.
  @Test func leftOverBitsAreRefused() throws {
    let groups: [(data: [UInt8], isWhole: Bool)] = [
      ([0], false), ([0, 0], true), ([31, 28], true), ([31, 29], false), ([31, 31], false),
      ([0, 0, 0], false),
      ([0, 0, 0, 16], true), ([0, 0, 0, 1], false),
    ]
    for (data, isWhole) in groups {
      let text = Self.text(of: data)
      if isWhole {
        #expect(try Bech32.encode(prefix: "a", Bech32.decode(prefix: "a", text)) == text)
      } else {
        #expect(throws: Bech32.Fault.padding) { try Bech32.decode(prefix: "a", text) }
      }
    }
  }

  /// The text of any groups of five bits under the prefix "a", also of those that are no whole bytes.
  private static func text(of groups: [UInt8]) -> String {
    let generators: [UInt32] = [0x3b6a_57b2, 0x2650_8e6d, 0x1ea1_19fa, 0x3d42_33dd, 0x2a14_62b3]
    var checksum: UInt32 = 1
    for group in [3, 0, 1] + groups + [0, 0, 0, 0, 0, 0] {
      let top = checksum >> 25
      checksum = (checksum & 0x1FF_FFFF) << 5 ^ UInt32(group)
      for bit in 0..<5 where top >> UInt32(bit) & 1 == 1 { checksum ^= generators[bit] }
    }
    checksum ^= 1
    let alphabet = Array("qpzry9x8gf2tvdw0s3jn54khce6mua7l")
    let sums = (0..<6).map { Int(checksum >> UInt32(25 - 5 * $0) & 31) }
    return "a1" + String((groups.map { Int($0) } + sums).map { alphabet[$0] })
  }
}
