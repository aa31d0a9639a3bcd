import Foundation
import Testing

@testable import EmethCompute

@Suite struct TextGeneratorTests {
  private let state: TrainingState
  private let tokens: [UInt32]

  init() throws {
    let configuration = try ModelConfiguration(
      layers: 3, heads: 2, width: 24, context: 100, vocabularySize: 61)
    state = try TrainingState(configuration: configuration)
    var random = try RandomInput("generator")
    for index in 0..<state.layout.count {
      state.parameters[index] = (Float(try random.below(1 << 20)) / 0x1p20 - 0.5) * 0.8
    }
    var tokens: [UInt32] = []
    for _ in 0..<101 { tokens.append(UInt32(try random.below(61))) }
    self.tokens = tokens
  }

  private func cache(_ instructionSet: InstructionSet? = nil, threads: Int = 1) throws -> GenerationCache {
    try GenerationCache(
      configuration: state.configuration, parameters: state.parameterArena,
      device: .cpu(threads: threads, instructionSet: instructionSet))
  }

  private func bits(_ cache: GenerationCache) -> [UInt32] { cache.logits.map(\.bitPattern) }

  /// At once (in pieces of 64 rows), token by token, on every instruction set: the same bits.
  @Test func logitsHaveTheSameBitsHoweverTheTextIsRead() throws {
    let whole = try cache()
    try whole.read(tokens[..<100])
    for set in Device.available {
      let single = try cache(set, threads: 2)
      for token in tokens[..<100] { try single.read([token]) }
      #expect(bits(single) == bits(whole), "\(set)")
      let mixed = try cache(set)
      try mixed.read(tokens[..<37])
      try mixed.read(tokens[37..<100])
      #expect(bits(mixed) == bits(whole), "\(set)")
    }
  }

  /// The loss of the evaluator from the generator's logits: one model in both.
  @Test func logitsGiveTheEvaluatorsLoss() throws {
    let cache = try cache()
    var sum = 0.0
    for index in 0..<100 {
      try cache.read([tokens[index]])
      let largest = cache.logits.map { Double($0) }.max() ?? 0
      let normaliser = cache.logits.reduce(0.0) { $0 + Foundation.exp(Double($1) - largest) }
      sum += Foundation.log(normaliser) + largest - Double(cache.logits[Int(tokens[index + 1])])
    }
    let evaluator = try Evaluator(state: state, batch: 1, device: .cpu(threads: 1))
    let loss = try evaluator.meanLoss(sequences: [tokens])
    #expect(loss.tokens == 100)
    #expect(abs(loss.loss - sum / 100) < 1e-5)
  }

  @Test func aFullContextGoesOnFromItsLastHalf() throws {
    let device = try Device.cpu(threads: 1)
    let generator = try TextGenerator(state: state, device: device)
    let prompt = Array(tokens[..<97])
    let generated = try generator.generate(prompt: prompt, maxTokens: 70, sampler: .greedy())
    #expect(generated.count == 70)
    // By the rule: read again each time, after the slide from the last 50 tokens on.
    var window = prompt
    for token in generated {
      let logits = try generator.logits(after: window)
      #expect(token == UInt32(logits.indices.max { (logits[$0], $1) < (logits[$1], $0) } ?? 0))
      window.append(token)
      if window.count > 100 { window = Array(window.suffix(50)) }
    }
  }

  @Test func aPromptLongerThanTheContextIsReadFromItsEnd() throws {
    let generator = try TextGenerator(state: state, device: .cpu(threads: 1))
    let short = try generator.generate(prompt: Array(tokens.suffix(100)), maxTokens: 5, sampler: .greedy())
    #expect(try generator.generate(prompt: [1, 2, 3] + tokens, maxTokens: 5, sampler: .greedy()) == short)
  }

  @Test func theSamplerAloneDecides() throws {
    let sampler = try Sampler(temperature: 1, topK: 10, seed: [UInt8](0..<32))
    var runs: Set<[UInt32]> = []
    for set in Device.available {
      for threads in [1, 2] {
        let device = try Device.cpu(threads: threads, instructionSet: set)
        let generator = try TextGenerator(state: state, device: device)
        runs.insert(try generator.generate(prompt: [1], maxTokens: 120, sampler: sampler))
        runs.insert(try generator.generate(prompt: [1], maxTokens: 120, sampler: sampler))
      }
    }
    #expect(runs.count == 1)
  }

  @Test func callbackAndStopTokenEndTheGeneration() throws {
    let generator = try TextGenerator(state: state, device: .cpu(threads: 1))
    let sampler = try Sampler(temperature: 1, seed: [UInt8](0..<32))
    let all = try generator.generate(prompt: [1, 2], maxTokens: 20, sampler: sampler)
    var seen: [UInt32] = []
    let cut = try generator.generate(prompt: [1, 2], maxTokens: 20, sampler: sampler) {
      seen.append($0)
      return seen.count < 7
    }
    #expect(cut == Array(all[..<7]) && seen == cut)
    let stop = all[9]
    let stopped = try generator.generate(prompt: [1, 2], maxTokens: 20, sampler: sampler, stopToken: stop)
    #expect(stopped == Array(all.prefix { $0 != stop }))
    #expect(try generator.generate(prompt: [1], maxTokens: 0, sampler: sampler).isEmpty)
  }

  @Test func badPromptsAreRefused() throws {
    let generator = try TextGenerator(state: state, device: .cpu(threads: 1))
    for prompt: [UInt32] in [[], [61], [1, TokenSequences.padding]] {
      #expect(throws: ComputeError.self) {
        try generator.generate(prompt: prompt, maxTokens: 1, sampler: .greedy())
      }
    }
    #expect(throws: ComputeError.self) {
      try generator.generate(prompt: [1], maxTokens: -1, sampler: .greedy())
    }
    #expect(throws: ComputeError.self) { try generator.logits(after: tokens) }
  }
}
