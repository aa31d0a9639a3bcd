import Testing

@testable import EmethCompute

/// All characters are compared in TokenizerOracleTests; these are the borders of the table, and what newer
/// versions of Unicode changed.
@Suite struct ScalarClassTests {
  @Test(
    arguments: [
      ("\u{0}", .other), ("\t", .space), ("\u{1F}", .other), (" ", .space), ("0", .number), ("A", .letter),
      ("_", .other), ("\u{85}", .space), ("\u{AA}", .letter), ("²", .number), ("\u{301}", .other),
      ("\u{200B}", .other), ("\u{3000}", .space), ("猫", .letter), ("Ⅷ", .number), ("\u{FFFF}", .other),
      ("\u{10FFFF}", .other), ("\u{20000}", .letter), ("\u{1D7CE}", .number),
      // Letters since Unicode 16, and since 17: the latter are unassigned in the table.
      ("\u{1C89}", .letter), ("\u{105C0}", .letter), ("\u{088F}", .other), ("\u{0C5C}", .other),
      ("\u{0CDC}", .other),
    ] as [(Unicode.Scalar, ScalarClass)]) func classes(scalar: Unicode.Scalar, expected: ScalarClass)
  {
    #expect(ScalarClass(scalar) == expected)
  }

  @Test func theTableIsOfOneVersionAndWhole() {
    #expect(ScalarClass.unicodeVersion == "16.0.0")
    #expect(ScalarClass.runs.first.map { $0 >> 2 } == 0)
    #expect(
      zip(ScalarClass.runs, ScalarClass.runs.dropFirst()).allSatisfy { $0 >> 2 < $1 >> 2 && $0 & 3 != $1 & 3 }
    )
    #expect(ScalarClass.table.count == 0x11_0000)
  }
}
