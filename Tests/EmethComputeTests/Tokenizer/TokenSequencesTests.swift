import EmethCompute
import Testing

@Suite struct TokenSequencesTests {
  /// Every text length around the borders: each token but the first is a target exactly once, in order.
  @Test(arguments: [1, 2, 3, 7]) func everyTokenIsATargetOnce(context: Int) throws {
    for count in 2...25 {
      let tokens = (0..<UInt32(count)).map { $0 }
      let sequences = try TokenSequences(tokens: tokens, context: context)
      var targets: [UInt32] = []
      for index in 0..<sequences.count {
        let sequence = sequences[index]
        #expect(sequence.count == context + 1)
        let real = sequence.filter { $0 != TokenSequences.padding }
        #expect(real.count >= 2 && sequence.starts(with: real))
        #expect(sequences.targetCount(of: index) == real.count - 1)
        #expect(real.first == (targets.last ?? 0))
        targets += real.dropFirst()
      }
      #expect(targets == Array(tokens.dropFirst()))
      let records = sequences.records(0..<sequences.count)
      #expect(records.count == sequences.count * TokenSequences.recordByteCount(context: context))
      #expect(
        try TokenSequences(records: records, context: context, vocabularySize: count) == sequences)
    }
  }

  @Test func recordsAreLittleEndian() throws {
    let sequences = try TokenSequences(tokens: [1, 0x0102_0304, 5], context: 1)
    #expect(sequences.record(0) == [1, 0, 0, 0, 4, 3, 2, 1])
    #expect(sequences.record(1) == [4, 3, 2, 1, 5, 0, 0, 0])
  }

  @Test func badInputIsRefused() throws {
    #expect(
      throws: ComputeError.invalidInput(what: "text", found: "1 tokens", allowed: "2 tokens or more")
    ) { try TokenSequences(tokens: [1], context: 4) }
    #expect(throws: ComputeError.self) { try TokenSequences(tokens: [1, 2], context: 0) }
    let pad: [UInt8] = [255, 255, 255, 255]
    let token: [UInt8] = [7, 0, 0, 0]
    for records in [
      [], [0], token + token, token + token + token + [0], token + [8, 0, 0, 0] + token, token + pad + token,
      pad + pad + pad, token + pad + pad,
    ] {
      #expect(throws: ComputeError.self) {
        try TokenSequences(records: records, context: 2, vocabularySize: 8)
      }
    }
    #expect(try TokenSequences(records: token + token + pad, context: 2, vocabularySize: 8).count == 1)
  }
}
