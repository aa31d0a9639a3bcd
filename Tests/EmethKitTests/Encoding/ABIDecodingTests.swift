import EmethKit
import Testing

/// Data that is no honest encoding: what is wrong, at which byte, for which value.
@Suite struct ABIDecodingTests {
  /// What is refused, as `problem@byte path`; nil when nothing is.
  private func refusal(_ words: [String], _ types: [ABIType], canonical: Bool = false) throws -> String? {
    do throws(FormatError) {
      _ = try ABI.decode(Hex.decode(words.map(padded).joined()), as: types, canonical: canonical)
      return nil
    } catch {
      guard case .abi(let problem, let at, let path) = error else { throw error }
      #expect(error.message.hasPrefix("ABI data at byte \(at)"))
      return "\(String(describing: problem).prefix { $0 != "(" })@\(at) \(path)"
    }
  }

  /// A word of these digits: on the right, or on the left when they end in `-`.
  private func padded(_ digits: String) -> String {
    let zeros = String(repeating: "0", count: max(0, 64 - digits.count))
    return digits.hasSuffix("-") ? digits.dropLast() + zeros + "0" : zeros + digits
  }

  private static let ones = String(repeating: "f", count: 64)

  @Test(
    arguments: [
      ("uint8", ["ff"], nil), ("uint8", ["100"], "range@0 0"), ("uint8", [ones], "range@0 0"),
      ("uint256", [ones], nil), ("int8", ["7f"], nil), ("int8", ["80"], "range@0 0"), ("int8", [ones], nil),
      ("int8", [ones.dropLast(2) + "80"], nil), ("int8", [ones.dropLast(2) + "7f"], "range@0 0"),
      ("int8", ["ff"], "range@0 0"), ("int256", [ones], nil), ("bool", ["1"], nil),
      ("bool", ["2"], "truth@0 0"), ("bool", [ones], "truth@0 0"),
      ("address", [String(repeating: "f", count: 40)], nil),
      ("address", ["1" + String(repeating: "0", count: 40)], "range@0 0"),
      ("bytes3", ["616263-"], nil), ("bytes3", ["61626300000001-"], "padding@6 0"),
      ("bytes3", ["1"], "padding@31 0"), ("uint8", [], "truncated@0 0"),
      ("(bool,uint8)", ["1"], "truncated@0 0"), ("uint8[3]", ["1", "2"], "truncated@0 0"),
      ("uint8[3]", ["1", "2", "100"], "range@64 0[2]"), ("(bool,(uint8))", ["1", "100"], "range@32 0.1.0"),
    ] as [(ABIType, [String], String?)])
  func staticValuesAreChecked(type: ABIType, words: [String], expected: String?) throws {
    // The heads of all parameters are looked for at once, which no single value is to blame for.
    let expected = expected.map { $0.hasPrefix("truncated") ? "truncated@0 " : $0 }
    #expect(try refusal(words, [type]) == expected)
  }

  @Test(
    arguments: [
      ("bytes", ["20", "3", "616263-"], nil), ("bytes", ["20", "0"], nil),
      ("bytes", ["20", "3", "61626301-"], "padding@67 0"),
      ("bytes", ["20", "21", "0", "1"], "padding@127 0"),
      ("bytes", ["20", "3"], "truncated@64 0"), ("bytes", ["20", "21", "0"], "truncated@64 0"),
      ("bytes", ["20"], "truncated@32 0"), ("bytes", ["40"], "offset@0 0"), ("bytes", [ones], "offset@0 0"),
      ("bytes", ["0"], "offset@0 0"), ("bytes", ["1f", "0"], "offset@0 0"),
      ("bytes", ["21", "0"], "truncated@33 0"),
      ("bytes", ["10000000000000020", "0"], "offset@0 0"),
      ("bytes", ["20", ones], "truncated@64 0"),
      ("bytes", ["20", "8000000000000000", "0"], "truncated@64 0"),
      ("bytes", ["20", "7fffffffffffffff", "0"], "truncated@64 0"),
      ("string", ["20", "3", "e697a5-"], nil), ("string", ["20", "2", "e697-"], "text@64 0"),
      ("string", ["20", "2", "c080-"], "text@64 0"), ("string", ["20", "3", "eda080-"], "text@64 0"),
      ("string", ["20", "1", "ff-"], "text@64 0"),
      ("uint8[]", ["20", "2", "1", "2"], nil), ("uint8[]", ["20", "2", "1"], "truncated@64 0"),
      ("uint8[]", ["20", "2", "1", "100"], "range@96 0[1]"), ("uint8[]", ["20", ones], "truncated@64 0"),
      ("uint8[]", ["20", "8-", "0"], "truncated@64 0"),
      ("uint8[]", ["20", "3b9aca00", "0"], "truncated@64 0"),
      ("uint8[1000]", ["1"], "truncated@0 "), ("uint8[1000][]", ["20", "1", "0"], "truncated@64 0"),
      ("uint8[1000][]", ["20", "800000000000000-", "0"], "truncated@64 0"),
      ("string[]", ["20", "1", "20", "0"], nil), ("string[]", ["20", "1", "0", "0"], "offset@64 0[0]"),
      ("string[]", ["20", "1", "20", "1"], "truncated@128 0[0]"),
      ("string[]", ["20", "3b9aca00", "0"], "truncated@64 0"),
      ("string[2]", ["20", "40", "60", "0", "0"], nil),
      ("(bool,string)", ["20", "1", "40", "0"], nil),
      ("(bool,string)", ["20", "2", "40", "0"], "truth@32 0.0"),
      ("(bool,string)", ["20", "1", "20", "0"], "offset@64 0.1"),
    ] as [(ABIType, [String], String?)])
  func dynamicValuesAreChecked(type: ABIType, words: [String], expected: String?) throws {
    #expect(try refusal(words, [type]) == expected)
  }

  /// Encodings that a contract takes, but no encoder writes.
  @Test(
    arguments: [
      (["bytes"], ["20", "0", "0"], "trailing@64 "), (["uint8"], ["1", "0"], "trailing@32 "),
      (["bytes"], ["40", "0", "0"], "offset@0 0"),
      (["bytes", "bytes"], ["60", "40", "0", "0"], "offset@0 0"),
      (["bytes", "uint8", "bytes"], ["60", "1", "60", "0", "0"], "offset@64 2"),
      (["string[]"], ["20", "2", "60", "40", "0", "0"], "offset@64 0[0]"),
      (["(bool,string)"], ["20", "1", "60", "0", "0"], "offset@64 0.1"),
    ] as [([ABIType], [String], String)])
  func onlyTheOneEncodingIsCanonical(types: [ABIType], words: [String], expected: String) throws {
    #expect(try refusal(words, types) == nil)
    #expect(try refusal(words, types, canonical: true) == expected)
  }

  /// A few kilobytes whose offsets all lead to the same bytes would stand for as many as one likes.
  @Test func sharedBytesCanNotMultiply() throws {
    let count = 500
    let sharing =
      ["20", String(count, radix: 16)]
      + [String](repeating: String(32 * count, radix: 16), count: count)
      + ["400"] + [String](repeating: "41-", count: 32)
    #expect(try refusal(sharing, ["bytes[]"])?.hasPrefix("overlap@") == true)
    #expect(try refusal(sharing, ["string[]"])?.hasPrefix("overlap@") == true)
    // Arrays of arrays, every offset back to the first one.
    let level = ["20", "4", "80", "80", "80", "80"]
    let deep = Array([level, Array(level.dropFirst()), Array(level.dropFirst())].joined()) + ["0"]
    #expect(try refusal(deep, ["string[][][]"])?.hasPrefix("overlap@") == true)
    // Sharing that stands for no more than there is stays allowed: two empty strings in one place.
    #expect(try refusal(["40", "40", "0", "0", "0"], ["string", "string"]) == nil)
  }

  @Test func sizeIsLimited() throws {
    let data = ABI.encode([.bytes([UInt8](repeating: 7, count: 1_000))])
    #expect(try ABI.decode(data, as: ["bytes"], byteLimit: data.count).count == 1)
    #expect(throws: FormatError.abi(.size(found: data.count, allowed: 1_023), at: 1_023, path: "")) {
      try ABI.decode(data, as: ["bytes"], byteLimit: 1_023)
    }
    let huge = [UInt8](repeating: 0, count: ABI.defaultByteLimit + 1)
    #expect(throws: FormatError.self) { try ABI.decode(huge, as: ["uint8"]) }
    // As many zeros as are allowed are one empty value after the other, and end soon.
    #expect(try ABI.decode(Array(huge.dropLast()), as: ["uint8"]) == [.uint(0)])
    #expect(throws: FormatError.self) { try ABI.decode(Array(huge.dropLast()), as: ["uint8[][]"]) }
  }

  @Test func nothingIsTheEncodingOfNothing() throws {
    #expect(try ABI.decode([], as: [], canonical: true) == [])
    #expect(throws: FormatError.abi(.trailing(byteCount: 1), at: 0, path: "")) {
      try ABI.decode([0], as: [], canonical: true)
    }
    #expect(try ABI.decode([0], as: []) == [])
  }
}
