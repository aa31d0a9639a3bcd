import Testing

@testable import EmethCompute

@Suite struct GenerationTokensTests {
  /// What a generator reads and draws, counted step by step.
  private func counted(prompt: Int, drawn: Int, context: Int) -> Int {
    var (position, window, passed) = (0, prompt, 0)
    for _ in 0..<drawn {
      if position == context {
        window = max(context / 2, 1)
        position = 0
      }
      passed += window - position
      position = window
      window += 1
    }
    // The last token is drawn and never read; of the others each is read once, and some again.
    return passed + 1
  }

  @Test(arguments: 1...9)
  func tokensAreCountedAsTheyAreRead(context: Int) {
    for prompt in 1...context {
      for drawn in 1...40 {
        #expect(
          GenerationTokens.count(prompt: prompt, drawn: drawn, context: context)
            == counted(prompt: prompt, drawn: drawn, context: context), "\(prompt) and \(drawn)")
      }
      #expect(GenerationTokens.count(prompt: prompt, drawn: 0, context: context) == prompt)
    }
  }

  @Test func aTextBeginsWithItsPromptOrWithAMark() throws {
    #expect(try ByteTokenizer().startTokens(of: "ab") == [97, 98])
    #expect(try ByteTokenizer().startTokens(of: "") == [10])
    #expect(try ByteTokenizer().startTokens(of: nil) == [10])
  }

  @Test func generatorsShareAModel() throws {
    let state = try TrainingState(
      configuration: ModelConfiguration(layers: 1, heads: 2, width: 16, context: 8, vocabularySize: 32))
    try state.initializeWeights(seed: [UInt8](repeating: 3, count: 32))
    let device = try Device.cpu(threads: 1)
    let model = try GenerationModel(
      configuration: state.configuration, parameters: state.parameterArena, device: device)
    let other = try Device.cpu(threads: 2)
    let alone = try TextGenerator(state: state, device: device)
    let wanted = try alone.generate(prompt: [1, 2], maxTokens: 20, sampler: .greedy())
    for device in [device, other] {
      let shared = try TextGenerator(model, device: device)
      #expect(try shared.generate(prompt: [1, 2], maxTokens: 20, sampler: .greedy()) == wanted)
    }
  }
}
