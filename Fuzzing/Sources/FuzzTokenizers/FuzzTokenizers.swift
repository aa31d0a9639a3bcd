import EmethCompute

/// Any bytes: a tokenizer.json is refused, or gives a tokenizer whose tokens of any text are in its
/// vocabulary and whose byte-level tokens spell the text again.
@_cdecl("LLVMFuzzerTestOneInput")
public func fuzz(_ bytes: UnsafePointer<UInt8>, _ count: Int) -> CInt {
  let input = Array(UnsafeBufferPointer(start: bytes, count: count))
  guard let tokenizer = try? TokenizerLoader.load(json: input, name: "input") else { return 0 }
  let texts = [Array("It's  the\n\n猫は１e\u{301}\r\n㌔ <0xE3>▁x".utf8), input]
  for text in texts {
    guard let tokens = try? tokenizer.encode(bytes: text) else { continue }
    precondition(tokens.allSatisfy { Int($0) < tokenizer.vocabularySize }, "a token outside the vocabulary")
    if !(tokenizer is UnigramTokenizer) {
      precondition((try? tokenizer.decodeBytes(tokens)) == text, "another text than was encoded")
    }
    _ = tokenizer.decode(tokens)
    text.withUnsafeBufferPointer { _ = tokenizer.partingPlace(in: $0, after: 1) }
  }
  return 0
}
