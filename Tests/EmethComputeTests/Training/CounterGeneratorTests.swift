import EmethCompute
import Testing

@Suite struct CounterGeneratorTests {
  /// RFC 8439, A.1, test vectors 1 and 2: key and nonce 0, blocks 0 and 1.
  @Test func keystreamOfRFC8439() throws {
    var generator = try CounterGenerator(key: [UInt8](repeating: 0, count: 32))
    var bytes: [UInt8] = []
    for _ in 0..<32 {
      let word = try generator.nextWord()
      withUnsafeBytes(of: word.littleEndian) { bytes.append(contentsOf: $0) }
    }
    let hex = bytes.map { String($0 >> 4, radix: 16) + String($0 & 15, radix: 16) }.joined()
    #expect(
      hex == "76b8e0ada0f13d90405d6ae55386bd28bdd219b8a08ded1aa836efcc8b770dc7"
        + "da41597c5157488d7724e03fb8d84a376a43b8f41518a11cc387b669b2ee6586"
        + "9f07e7be5551387a98ba977c732d080dcb0f29a048e3656912c6533e32ee7aed"
        + "29b721769ce64e43d57133b074d839d531ed1f28510afb45ace10a1f4b794d6f")
  }

  @Test func wordsAndBoundsOfTheRecordedKey() throws {
    let expected = try ProtocolExpectations.load()
    let fresh = try CounterGenerator(
      label: "order", seed: ProtocolExpectations.seed, part: 1, round: 2, pass: 3)
    var generator = fresh
    for word in expected.words { #expect(try generator.nextWord() == word) }
    generator = fresh
    let bounds: [UInt32] = [1, 2, 3, 10, 1000, 1 << 31 + 1, .max]
    for (index, number) in expected.below.enumerated() {
      #expect(try generator.below(bounds[index % bounds.count]) == number)
    }
  }

  /// Filling in pieces of any size, over several refills, is drawing word by word.
  @Test func fillIsRepeatedDrawing() throws {
    var random = try RandomInput("fill")
    var filling = try CounterGenerator(key: ProtocolExpectations.seed)
    var drawing = filling
    for _ in 0..<20 {
      var words = [UInt32](repeating: 0, count: try random.below(3_000))
      try words.withUnsafeMutableBufferPointer { try filling.fill($0) }
      for word in words { #expect(try drawing.nextWord() == word) }
    }
  }

  @Test func aCopyDrawsTheSameWords() throws {
    var first = try CounterGenerator(key: ProtocolExpectations.seed)
    for _ in 0..<1_023 { _ = try first.nextWord() }
    var second = first
    for _ in 0..<10 { #expect(try first.nextWord() == second.nextWord()) }
  }

  @Test func everyPartOfTheKeyCounts() throws {
    let seed = ProtocolExpectations.seed
    var other = seed
    other[31] ^= 1
    var first: Set<UInt32> = []
    for generator in [
      try CounterGenerator(label: "order", seed: seed, part: 0, round: 0, pass: 0),
      try CounterGenerator(label: "init", seed: seed, part: 0, round: 0, pass: 0),
      try CounterGenerator(label: "order", seed: other, part: 0, round: 0, pass: 0),
      try CounterGenerator(label: "order", seed: seed, part: 1, round: 0, pass: 0),
      try CounterGenerator(label: "order", seed: seed, part: 0, round: 1, pass: 0),
      try CounterGenerator(label: "order", seed: seed, part: 0, round: 0, pass: 1),
    ] {
      var generator = generator
      first.insert(try generator.nextWord())
    }
    #expect(first.count == 6)
  }

  @Test func otherLengthsAreRefused() {
    #expect(
      throws: ComputeError.invalidInput(what: "seed", found: "31 bytes", allowed: "32 bytes")
    ) {
      try CounterGenerator(label: "order", seed: [UInt8](repeating: 0, count: 31), part: 0, round: 0, pass: 0)
    }
    #expect(
      throws: ComputeError.invalidInput(what: "generator key", found: "0 bytes", allowed: "32 bytes")
    ) { try CounterGenerator(key: []) }
  }
}
