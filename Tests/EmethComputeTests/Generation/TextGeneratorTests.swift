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

  /// A pass and one sequence.
  private struct Reader {
    let cache: GenerationCache
    let pass: GenerationPass
    var logits: [Float] { Array(pass.logits(at: 0)) }
    var bits: [UInt32] { logits.map(\.bitPattern) }

    init(
      _ state: TrainingState, format: WeightFormat = .f32, _ set: InstructionSet? = nil, threads: Int = 1
    ) throws {
      let device = try Device.cpu(threads: threads, instructionSet: set)
      let model = try GenerationModel(
        configuration: state.configuration, parameters: state.parameterArena, format: format, device: device)
      pass = try GenerationPass(model: model, batch: 1, device: device)
      cache = try GenerationCache(state.configuration, device: device)
    }

    func read(_ tokens: ArraySlice<UInt32>) throws {
      try pass.read([.init(cache: cache, tokens: tokens, place: 0)])
      try pass.project(1)
    }
  }

  /// At once (in pieces of 64 rows), token by token, on every instruction set, in every format: the same
  /// bits.
  @Test(arguments: WeightFormat.allCases)
  func logitsHaveTheSameBitsHoweverTheTextIsRead(format: WeightFormat) throws {
    let whole = try Reader(state, format: format)
    try whole.read(tokens[..<100])
    for set in Device.available {
      let single = try Reader(state, format: format, set, threads: 2)
      for token in tokens[..<100] { try single.read([token]) }
      #expect(single.bits == whole.bits, "\(set)")
      let mixed = try Reader(state, format: format, set)
      try mixed.read(tokens[..<37])
      try mixed.read(tokens[37..<100])
      #expect(mixed.bits == whole.bits, "\(set)")
    }
  }

  /// The loss of the evaluator from the generator's logits: one model in both.
  @Test func logitsGiveTheEvaluatorsLoss() throws {
    let reader = try Reader(state)
    var sum = 0.0
    for index in 0..<100 {
      try reader.read([tokens[index]])
      let logits = reader.logits.map { Double($0) }
      let largest = logits.max() ?? 0
      let normaliser = logits.reduce(0.0) { $0 + Foundation.exp($1 - largest) }
      sum += Foundation.log(normaliser) + largest - logits[Int(tokens[index + 1])]
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

  /// A smaller format is the model of the stored weights, to the last bit.
  @Test(arguments: [WeightFormat.f16, .int8])
  func aFormatIsTheModelOfItsStoredWeights(format: WeightFormat) throws {
    let stored = try TrainingState(configuration: state.configuration)
    _ = stored.parameters.update(fromContentsOf: state.parameters)
    for tensor in state.layout.tensors where tensor.isMatrix && tensor.name != "wpe.weight" {
      // The token embedding's inputs are its columns, those of the others their rows.
      let isHead = tensor.name == "wte.weight"
      let (outputs, inputs) = (tensor.shape[isHead ? 0 : 1], tensor.shape[isHead ? 1 : 0])
      func index(_ output: Int, _ input: Int) -> Int {
        tensor.offset + (isHead ? output * inputs + input : input * outputs + output)
      }
      for output in 0..<outputs {
        for first in stride(from: 0, to: inputs, by: 32) {
          let block = (first..<min(first + 32, inputs)).map { index(output, $0) }
          let largest = block.map { abs(state.parameters[$0]) }.max() ?? 0
          let scale = Float(bitPattern: ((largest / 127).bitPattern + 0xFFFF) & 0xFFFF_0000)
          for index in block {
            let weight = state.parameters[index]
            stored.parameters[index] =
              format == .f16
              ? Self.roundedToHalf(weight) : (weight / scale).rounded(.toNearestOrEven) * scale
          }
        }
      }
    }
    let (small, plain) = (try Reader(state, format: format), try Reader(stored))
    try small.read(tokens[..<70])
    try plain.read(tokens[..<70])
    #expect(small.bits == plain.bits)
    let exact = try Reader(state)
    try exact.read(tokens[..<70])
    #expect(plain.bits != exact.bits)
  }

  /// The nearest multiple of the last place that binary16 has at this size.
  private static func roundedToHalf(_ x: Float) -> Float {
    let exponent = max(x == 0 ? -14 : Int(x.exponent), -14)
    let place = Float(sign: .plus, exponent: exponent - 10, significand: 1)
    return (x / place).rounded(.toNearestOrEven) * place
  }

  @Test(arguments: WeightFormat.allCases)
  func textsSideBySideAreThoseAlone(format: WeightFormat) throws {
    var random = try RandomInput("batch")
    var prompts: [[UInt32]] = []
    var samplers: [Sampler] = []
    for text in 0..<9 as Range<UInt32> {
      prompts.append(Array(tokens[..<(1 + (try random.below(100)))]))
      samplers.append(
        try Sampler(
          temperature: Double(text) / 5, topK: 20, topP: 0.9, repetitionPenalty: 1.2,
          seed: [UInt8](0..<32), text: text))
    }
    let generator = try TextGenerator(state: state, format: format, device: .cpu(threads: 2))
    let alone = try zip(prompts, samplers).map {
      try generator.generate(prompt: $0, maxTokens: 60, sampler: $1, stopToken: 7)
    }
    var seen = [[UInt32]](repeating: [], count: 9)
    var ended: [Int] = []
    let together = try generator.generate(
      prompts: prompts, maxTokens: 60, samplers: samplers, stopToken: 7,
      onToken: { index, token in
        seen[index].append(token)
        return !ended.contains(index)
      }, onEnd: { ended.append($0) })
    #expect(together == alone && seen == together)
    #expect(ended.sorted() == Array(0..<9))
    // The shorter ones end first; one that ends by the stop token took a step more than it has tokens.
    let counts = ended.map { alone[$0].count }
    #expect(zip(counts, counts.dropFirst()).allSatisfy { $0 <= $1 + 1 }, "\(counts)")
    // One ends by its callback, the others go on.
    let cut = try generator.generate(prompts: prompts, maxTokens: 60, samplers: samplers, stopToken: 7) {
      index, _ in
      index != 4
    }
    for index in 0..<9 { #expect(cut[index] == (index == 4 ? Array(alone[4].prefix(1)) : alone[index])) }
    #expect(try generator.generate(prompts: [], maxTokens: 5, samplers: []).isEmpty)
    ended = []
    _ = try generator.generate(
      prompts: prompts, maxTokens: 0, samplers: samplers, onEnd: { ended.append($0) })
    #expect(ended == Array(0..<9))
  }

  @Test func weightsWithoutAPlaceInTheFormatAreRefused() throws {
    for (value, format, isAllowed) in [
      (65_519, .f16, true), (65_520, .f16, false), (-1e30, .f16, false), (1e30, .int8, true),
      (.nan, .f32, false), (.infinity, .int8, false),
    ] as [(Float, WeightFormat, Bool)] {
      state.parameters[state.layout["h.1.mlp.c_fc.weight"]?.offset ?? 0] = value
      do {
        _ = try TextGenerator(state: state, format: format, device: .cpu(threads: 2))
        #expect(isAllowed, "\(value) \(format)")
      } catch {
        #expect(!isAllowed && "\(error)".contains("h.1.mlp.c_fc.weight"), "\(error)")
      }
    }
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

  /// Texts that begin and end while others go on are those that they are alone, also past the end of the context.
  @Test func textsComeAndGo() throws {
    let device = try Device.cpu(threads: 1)
    let generator = try TextGenerator(state: state, device: device)
    func sampler(_ number: UInt32) throws -> Sampler {
      try Sampler(
        temperature: number == 1 ? 0 : 0.9, topK: number == 2 ? 5 : nil, topP: number == 3 ? 0.8 : 1,
        repetitionPenalty: number == 4 ? 1.4 : 1, seed: [UInt8](repeating: UInt8(number), count: 32))
    }
    let prompts = (0..<6).map { Array(tokens[$0 * 7..<$0 * 7 + 1 + $0 * 13]) }
    let counts = [150, 3, 260, 40, 120, 1]
    let alone = try prompts.indices.map { index in
      try TextGenerator(state: state, device: device).generate(
        prompt: prompts[index], maxTokens: counts[index], sampler: sampler(UInt32(index)))
    }
    var drawn = prompts.map { _ in [UInt32]() }
    var places: [Int: Int] = [:]
    var next = 0
    var turn = 0
    while next < prompts.count || !places.isEmpty {
      // One more every fourth turn, at most three at once: numbers are given again.
      if turn % 4 == 0, next < prompts.count, places.count < 3 {
        places[next] = try generator.open(prompts[next], sampler: sampler(UInt32(next)))
        next += 1
      }
      turn += 1
      // Not every text takes part in every turn.
      let going = places.keys.sorted().filter { ($0 + turn) % 5 != 0 }
      if going.isEmpty { continue }
      for (index, token) in zip(going, try generator.draw(going.compactMap { places[$0] })) {
        drawn[index].append(token)
        if drawn[index].count == counts[index], let place = places.removeValue(forKey: index) {
          generator.close(place)
        }
      }
    }
    #expect(drawn == alone)
    #expect(places.isEmpty && drawn[2].count == 260)
  }

  /// A text goes on on another machine as if nothing had happened, wherever it was cut off.
  @Test func aTextGoesOnElsewhere() throws {
    let device = try Device.cpu(threads: 1)
    let prompt = Array(tokens[..<30])
    for (number, sampler) in try [
      Sampler(temperature: 0.9, seed: [UInt8](repeating: 3, count: 32)),
      Sampler(temperature: 1, topP: 0.7, repetitionPenalty: 1.5, seed: [UInt8](repeating: 4, count: 32)),
      Sampler.greedy(),
    ].enumerated() {
      let whole = try TextGenerator(state: state, device: device).generate(
        prompt: prompt, maxTokens: 240, sampler: sampler)
      let generator = try TextGenerator(state: state, device: device)
      // The context is full after 71 tokens, and again every 51 after that.
      for cut in [0, 1, 69, 70, 71, 72, 121, 122, 123, 200] {
        let text = try generator.open(prompt, drawn: Array(whole[..<cut]), sampler: sampler)
        var rest: [UInt32] = []
        while rest.count < 40 { rest += try generator.draw([text]) }
        generator.close(text)
        #expect(rest == Array(whole[cut..<cut + 40]), "sampler \(number), cut off after \(cut)")
      }
    }
  }
}
