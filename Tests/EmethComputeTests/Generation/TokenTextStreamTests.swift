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

  private func text(_ bytes: [UInt8], stops: [String]) -> (text: String, pieces: [String], isStopped: Bool) {
    var stream = TokenTextStream(ByteTokenizer(), stops: stops)
    var pieces = bytes.map { stream.append(UInt32($0)) }
    pieces.append(stream.finish())
    return (pieces.joined(), pieces, stream.isStopped)
  }

  @Test func aStopTextAndWhatFollowsNeverAppear() {
    let pieces = text(Array("ab\nstop!".utf8), stops: ["\nstop", ""]).pieces
    #expect(pieces == ["a", "b", "", "", "", "", "", "", ""])
    // What only began a stop text comes out when it is known not to be one.
    #expect(text(Array("xstosty".utf8), stops: ["stop"]).pieces == ["x", "", "", "", "sto", "", "sty", ""])
    #expect(text(Array("xsto".utf8), stops: ["stop"]).pieces == ["x", "", "", "", "sto"])
    #expect(text(Array("aabaabaac".utf8), stops: ["aabaac"]).text == "aab")
  }

  @Test func theStopTextThatIsCompleteFirstCounts() {
    #expect(text(Array("one two three".utf8), stops: ["two three", "o t"]).text == "one tw")
    // Both end at the same byte: the longer one takes more away.
    #expect(text(Array("one two".utf8), stops: ["two", "e two"]).text == "on")
  }

  @Test func stopTextsOfSeveralBytesAreCutWhole() {
    #expect(text(Array("猫が好き。犬も".utf8), stops: ["。"]).text == "猫が好き")
    // 狗 begins with a byte of 犬, which is a beginning of the stop text.
    #expect(text(Array("犭犬".utf8), stops: ["犬"]).text == "犭")
    #expect(text([0xE7, 0x8C] + Array("stop".utf8), stops: ["stop"]).text == "\u{FFFD}")
  }

  /// With random texts over few letters: cut at the first complete stop text, as a search over the whole
  /// finds it.
  @Test func cutsAreThoseOfASearch() throws {
    var random = try RandomInput("stop texts")
    func letters(_ count: Int) throws -> String {
      var text = ""
      for _ in 0..<count { text += ["a", "b", "é"][try random.below(3)] }
      return text
    }
    for _ in 0..<2_000 * RandomInput.scale {
      let whole = Array(try letters(random.below(20)).utf8)
      var stops: [String] = []
      for _ in 0..<(1 + (try random.below(3))) { stops.append(try letters(1 + random.below(4))) }
      var expected = whole
      search: for end in 0...whole.count {
        for stop in stops.map({ Array($0.utf8) }).sorted(by: { $0.count > $1.count })
        where whole[..<end].suffix(stop.count).elementsEqual(stop) {
          expected = Array(whole[..<(end - stop.count)])
          break search
        }
      }
      let found = text(whole, stops: stops)
      #expect(Array(found.text.utf8) == expected, "\(whole) \(stops)")
      #expect(found.isStopped == (expected.count < whole.count))
    }
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
