import EmethCompute
import EmethKit
import Foundation

/// What a machine generates text with.
struct GenerationBench: Sendable {
  let models: ModelShelf
  /// Has the models' files, where they are not on the shelf; nil where they are brought beforehand.
  let store: ContentStore?
  let device: Device
}

/// Continues the prompts of a part (program 21): one line of output for each, in their order.
///
/// The output depends on model, prompts and how they are drawn alone, bit for bit: neither on the machine nor on which
/// prompts are drawn side by side (Docs/Decisions/0010).
struct PromptGenerator {
  let terms: GenerationTerms
  let bench: GenerationBench
  /// The most bytes of all texts of a part.
  var outputBytes = ComputedProgram.textGeneration.outputBytes
  /// The most bytes of a text.
  var textBytes = RecordKind.json.recordByteLimit

  /// Texts that are drawn side by side at most: more of them are hardly faster, and take memory.
  private static let sideBySide = 32

  /// The output of a part.
  ///
  /// Blocks: not for the cooperative pool.
  ///
  /// - Throws: ``NetworkError/moduleFailed(program:reason:)`` where there is none on any machine, and
  ///   ``NetworkError/moduleCutShort(program:reason:isLimit:)`` where this one has too little memory.
  func output(of part: Data, stop: StopFlag) throws(NetworkError) -> Data {
    do throws(NetworkError) {
      return try generate(part, stop)
    } catch {
      let program = "\(ProgramID.textGeneration)"
      switch error {
      case .malformed, .badDataSet: throw .moduleFailed(program: program, reason: error.message)
      case .compute(.invalidInput), .compute(.notFinite):
        throw .moduleFailed(program: program, reason: error.message)
      case .compute(.outOfMemory), .compute(.insufficientMemory):
        throw .moduleCutShort(program: program, reason: error.message)
      default: throw error
      }
    }
  }

  private func generate(_ part: Data, _ stop: StopFlag) throws(NetworkError) -> Data {
    let list = try PromptList(part, named: "part", defaults: terms.drawing)
    let model = try bench.models.model(terms.model, from: bench.store, on: bench.device)
    let tokens = try list.tokens(model.tokenizer, context: model.configuration.context, named: "part")
    var output = Data()
    let (plan, generator) = try computing { () throws(ComputeError) in
      (
        try self.plan(min(list.prompts.count, Self.sideBySide), of: model.configuration),
        try TextGenerator(model.weights, device: bench.device)
      )
    }
    var first = 0
    while first < list.prompts.count {
      let group = first..<min(list.prompts.count, first + plan.batch)
      let texts = try computing { () throws(ComputeError) in
        try self.texts(of: list.prompts[group], tokens[group], by: generator, model.tokenizer, stop)
      }
      if stop.isRaised { break }
      for text in texts {
        output += try line(of: text)
        guard UInt64(output.count) <= outputBytes else {
          throw .moduleFailed(
            program: "\(ProgramID.textGeneration)",
            reason: "a part's texts have more than \(outputBytes) bytes, which are allowed")
        }
      }
      first = group.upperBound
    }
    if stop.isRaised { throw .interrupted }
    return output
  }

  /// How many texts are drawn side by side in the memory that the weights have left.
  private func plan(_ texts: Int, of configuration: ModelConfiguration) throws(ComputeError) -> GenerationPlan
  {
    func plan(_ texts: Int, _ available: Int?) throws(ComputeError) -> GenerationPlan {
      try GenerationPlan(configuration: configuration, format: .f32, texts: texts, available: available)
    }
    guard let free = try bench.device.availableByteCount() else { return try plan(texts, nil) }
    let operations = bench.device.operationByteCount(generating: configuration, texts: texts)
    return try plan(texts, free - operations + plan(1, nil).modelByteCount)
  }

  private func computing<Value>(
    _ body: () throws(ComputeError) -> Value
  ) throws(NetworkError) -> Value {
    do throws(ComputeError) { return try body() } catch { throw .compute(error) }
  }

  /// A line that others can read: what is longer is no output on any machine.
  private func line(of text: GeneratedText) throws(NetworkError) -> Data {
    let line = try text.line()
    guard line.count <= textBytes else { throw .compute(tooLong(text.id, text.text)) }
    return line
  }

  private func tooLong(_ id: String, _ text: String) -> ComputeError {
    .invalidInput(
      what: "the text of prompt \(id.debugDescription)", found: "\(text.utf8.count) bytes",
      allowed: "\(textBytes) bytes as a line of JSON")
  }

  private func texts(
    of prompts: ArraySlice<Prompt>, _ tokens: ArraySlice<[UInt32]>, by generator: TextGenerator,
    _ tokenizer: any Tokenizer, _ stop: StopFlag
  ) throws(ComputeError) -> [GeneratedText] {
    let (prompts, tokens) = (Array(prompts), Array(tokens))
    var samplers: [Sampler] = []
    for prompt in prompts { samplers.append(try prompt.drawing.sampler()) }
    var streams = prompts.map { TokenTextStream(tokenizer, stops: $0.drawing.stop) }
    var texts = Array(repeating: "", count: prompts.count)
    var counts = Array(repeating: 0, count: prompts.count)
    // The first whose text is too long to be a line: there is no output then, and nothing more is drawn.
    var overflow: Int?
    let drawn = try generator.generate(
      prompts: tokens, maxTokens: Int(prompts.map(\.drawing.maxTokens).max() ?? 0), samplers: samplers,
      stopToken: tokenizer.endOfText,
      onToken: { index, token in
        if overflow != nil || stop.isRaised { return false }
        texts[index] += streams[index].append(token)
        counts[index] += 1
        if texts[index].utf8.count > textBytes { overflow = index }
        return counts[index] < prompts[index].drawing.maxTokens && !streams[index].isStopped
          && overflow == nil
      },
      onEnd: { index in texts[index] += streams[index].finish() })
    if let overflow { throw tooLong(prompts[overflow].id, texts[overflow]) }
    return prompts.indices.map { index in
      GeneratedText(
        id: prompts[index].id, text: texts[index],
        ending: streams[index].isStopped
          ? .stop : drawn[index].count < prompts[index].drawing.maxTokens ? .endOfText : .maxTokens,
        promptTokens: UInt32(tokens[index].count), tokens: UInt32(drawn[index].count))
    }
  }
}
