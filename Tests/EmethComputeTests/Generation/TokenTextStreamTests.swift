import EmethCompute
import Testing

@Suite struct TokenTextStreamTests {
  @Test func charactersAppearWhole() {
    var stream = TokenTextStream(ByteTokenizer())
    let pieces = Array("aé猫😀b".utf8).map { stream.append(UInt32($0)) }
    #expect(pieces == ["a", "", "é", "", "", "猫", "", "", "", "😀", "b"])
    #expect(stream.finish() == "")
  }

  @Test func whatCannotBecomeACharacterIsNotHeldBack() {
    var stream = TokenTextStream(ByteTokenizer())
    #expect(stream.append(0x80) == "\u{FFFD}")
    #expect(stream.append(0xFF) == "\u{FFFD}")
    #expect(stream.append(0xC0) == "\u{FFFD}")
    #expect(stream.append(0xE7) == "")
    #expect(stream.append(0x41) == "\u{FFFD}A")
    #expect(stream.append(0xE7) == "")
    #expect(stream.finish() == "\u{FFFD}")
    #expect(stream.append(300) == "\u{FFFD}")
  }

  /// The pieces together are what the lossy decoder makes of the whole, for any bytes.
  @Test func piecesAreTheWhole() throws {
    var random = try RandomInput("token text")
    let bytes: [UInt8] = [
      0x41, 0x80, 0xBF, 0xC3, 0xA9, 0xE7, 0x8C, 0xAB, 0xF0, 0x9F, 0x98, 0x80, 0xED, 0xA0, 0xF4, 0x90, 0xFF,
    ]
    for _ in 0..<2_000 * RandomInput.scale {
      var tokens: [UInt32] = []
      for _ in 0..<(try random.below(12)) { tokens.append(UInt32(bytes[try random.below(bytes.count)])) }
      var stream = TokenTextStream(ByteTokenizer())
      var text = ""
      for token in tokens { text += stream.append(token) }
      text += stream.finish()
      #expect(Array(text.utf8) == Array(ByteTokenizer().decode(tokens).utf8), "\(tokens)")
    }
  }
}
