import Testing

@testable import EmethKit

/// A secret relabelling of tokens.
@Suite struct VocabularyMaskTests {
  private func labels(_ question: NoiseQuestion) throws -> NoiseAnswer {
    let mask = try VocabularyMask(
      key: Bytes32(hex: "0x" + (question.key ?? "")), vocabularySize: question.size ?? 0)
    return NoiseAnswer(values: (0..<mask.vocabularySize).map { Int32(mask.label(of: $0)) })
  }

  @Test func aModelOnTheSameStreamGaveTheseLabels() throws {
    let cases = try NoiseCase.recorded("label")
    #expect(cases.count == 3)
    for known in cases {
      let found = try labels(known.question)
      #expect(found == known.answer)
    }
  }

  @Test(.enabled(if: PythonModel.isAvailable, PythonModel.reason))
  func aModelOnTheSameStreamGivesTheSameLabels() throws {
    var generator = SeededGenerator()
    let questions = (0..<scaled(4)).map { _ in
      let key = Bytes32((0..<32).map { _ in UInt8.random(in: 0...255, using: &generator) }) ?? .zero
      return NoiseQuestion(
        kind: "label", key: Hex.encode(key.bytes, prefixed: false),
        size: .random(in: 1...3_000, using: &generator))
    }
    let answers = try PythonModel.answers(of: "noise_model.py", to: questions, as: NoiseAnswer.self)
    for (question, answer) in zip(questions, answers) {
      let found = try labels(question)
      #expect(found == answer)
    }
  }

  @Test func everyTokenHasALabelOfItsOwnAndPaddingStays() throws {
    let mask = try VocabularyMask(key: SHA256.hash([5]), vocabularySize: 256)
    #expect(Set((0..<256).map { mask.label(of: $0) }).sorted() == Array(0..<256))
    let tokens: [UInt32] = [0, 255, 7, 7, VocabularyMask.padding, 255]
    let masked = try mask.masked(tokens)
    #expect(
      masked == [
        mask.label(of: 0), mask.label(of: 255), mask.label(of: 7), mask.label(of: 7), .max,
        mask.label(of: 255),
      ])
    #expect(masked != tokens)
    #expect(throws: PrivacyError.tokenOutside(found: 256, vocabularySize: 256)) {
      _ = try mask.masked([1, 256])
    }
    #expect(throws: PrivacyError.emptyVocabulary) {
      _ = try VocabularyMask(key: .zero, vocabularySize: 0)
    }
    // Another key is another order; nothing tells the order.
    let other = try VocabularyMask(key: SHA256.hash([6]), vocabularySize: 256)
    #expect((0..<256).contains { other.label(of: $0) != mask.label(of: $0) })
    #expect("\(mask)" == "VocabularyMask")
    #expect(String(reflecting: mask) == "VocabularyMask")
  }
}
