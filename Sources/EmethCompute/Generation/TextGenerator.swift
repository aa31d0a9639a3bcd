/// Continues texts with a model, one token at a time, one text or several side by side.
///
/// Keys and values of tokens once read are kept, so a token costs one row of every product. When the context
/// is full, the last half of it is read again as a new beginning and generation goes on: the model then knows
/// that half and what follows, no more.
///
/// The tokens depend on weights, their format, prompt and sampler alone, bit for bit the same on every
/// machine and whatever other texts are generated beside.
///
/// ```swift
/// let generator = try TextGenerator(
///   configuration: model.configuration, parameters: model.parameters, device: device)
/// var text = TokenTextStream(model.tokenizer)
/// _ = try generator.generate(prompt: prompt, maxTokens: 200, sampler: sampler) { token in
///   print(text.append(token), terminator: "")
///   return true
/// }
/// ```
public final class TextGenerator {
  /// The model's shape.
  public let configuration: ModelConfiguration
  /// How its matrices are stored.
  public var format: WeightFormat { model.format }
  /// Bytes of weights that are read to generate a token, once for all texts of a batch.
  public var bytesPerToken: Int { model.bytesPerToken }

  private let device: Device
  private let model: GenerationModel
  private var pass: GenerationPass
  private var caches: [GenerationCache]

  /// A generator over a copy of a model's weights: the parameters may change or go afterwards.
  ///
  /// - Parameters:
  ///   - parameters: in the order of `ParameterLayout(configuration)`.
  ///   - format: how the copy stores the matrices; the smaller it is, the faster and the less exact.
  /// - Throws: `ComputeError.invalidInput` naming the tensor when a weight has no place in the format,
  ///   `outOfMemory`.
  public init(
    configuration: ModelConfiguration, parameters: FloatArena, format: WeightFormat = .f32, device: Device
  ) throws(ComputeError) {
    self.configuration = configuration
    self.device = device
    model = try GenerationModel(
      configuration: configuration, parameters: parameters, format: format, device: device)
    pass = try GenerationPass(model: model, batch: 1, device: device)
    caches = [try GenerationCache(configuration, device: device)]
  }

  /// A generator over weights that were packed before, for any CPU or for this device's GPU.
  public init(_ model: GenerationModel, device: Device) throws(ComputeError) {
    configuration = model.configuration
    self.device = device
    self.model = model
    pass = try GenerationPass(model: model, batch: 1, device: device)
    caches = [try GenerationCache(configuration, device: device)]
  }

  /// A generator over a copy of the parameters of a training state.
  public convenience init(
    state: TrainingState, format: WeightFormat = .f32, device: Device
  ) throws(ComputeError) {
    try self.init(
      configuration: state.configuration, parameters: state.parameterArena, format: format, device: device)
  }

  /// The tokens that follow `prompt`.
  ///
  /// - Parameters:
  ///   - prompt: one token or more; of a prompt longer than the context its last T tokens are read.
  ///   - maxTokens: how many to generate at most, 0 or more.
  ///   - stopToken: generation ends before this token, where one is given.
  ///   - onToken: called with each token as it is drawn; false ends the generation.
  /// - Throws: `ComputeError.invalidInput` for an empty prompt or an id outside the vocabulary, or when the
  ///   model's logits are not finite.
  public func generate(
    prompt: [UInt32], maxTokens: Int, sampler: Sampler, stopToken: UInt32? = nil,
    onToken: (UInt32) -> Bool = { _ in true }
  ) throws(ComputeError) -> [UInt32] {
    try generate(
      prompts: [prompt], maxTokens: maxTokens, samplers: [sampler], stopToken: stopToken,
      onToken: { _, token in onToken(token) })[0]
  }

  /// The tokens that follow each of several prompts, drawn side by side: the weights are read once for a
  /// token of all texts, so many texts take little longer than one. Each text is the same as if it were
  /// alone.
  ///
  /// - Parameters:
  ///   - prompts: each one token or more; of a prompt longer than the context its last T tokens are read.
  ///   - maxTokens: how many to generate of each text at most, 0 or more.
  ///   - samplers: one for each prompt.
  ///   - stopToken: a text ends before this token, where one is given.
  ///   - onToken: called with the prompt's index and each token as it is drawn; false ends that text.
  ///   - onEnd: called once with the prompt's index when its text has ended, whatever ended it.
  /// - Returns: the tokens drawn for each prompt.
  /// - Throws: `ComputeError.invalidInput` for an empty prompt or an id outside the vocabulary, before
  ///   anything is generated, or when the model's logits are not finite; `outOfMemory`.
  public func generate(
    prompts: [[UInt32]], maxTokens: Int, samplers: [Sampler], stopToken: UInt32? = nil,
    onToken: (_ index: Int, _ token: UInt32) -> Bool = { _, _ in true },
    onEnd: (_ index: Int) -> Void = { _ in }
  ) throws(ComputeError) -> [[UInt32]] {
    precondition(prompts.count == samplers.count, "a sampler for each prompt")
    guard maxTokens >= 0 else {
      throw .invalidInput(what: "number of tokens", found: "\(maxTokens)", allowed: "0 or more")
    }
    for prompt in prompts { try check(prompt[...]) }
    try reserve(prompts.count)
    var texts = zip(prompts, samplers).map { prompt, sampler in
      Text(prompt, sampler: sampler, context: configuration.context)
    }
    for index in texts.indices { caches[index].clear() }
    var active = maxTokens > 0 ? Array(texts.indices) : []
    if active.isEmpty { texts.indices.forEach(onEnd) }
    while !active.isEmpty {
      try pass.read(active.enumerated().map { place, index in part(of: &texts[index], index, place: place) })
      try pass.project(active.count)
      var going: [Int] = []
      for (place, index) in active.enumerated() {
        let token = try texts[index].sampler.next(
          UnsafeBufferPointer(pass.logits(at: place)), device: device)
        if token == stopToken {
          onEnd(index)
          continue
        }
        texts[index].generated.append(token)
        texts[index].window.append(token)
        if onToken(index, token), texts[index].generated.count < maxTokens {
          going.append(index)
        } else {
          onEnd(index)
        }
      }
      active = going
    }
    return texts.map(\.generated)
  }

  /// The logits (V) of the token that follows `tokens`, at most T of them.
  ///
  /// - Throws: `ComputeError.invalidInput` for no token, more than T, or an id outside the vocabulary.
  public func logits(after tokens: [UInt32]) throws(ComputeError) -> [Float] {
    guard tokens.count <= configuration.context else {
      throw .invalidInput(
        what: "tokens", found: "\(tokens.count)", allowed: "at most the context, \(configuration.context)")
    }
    try check(tokens[...])
    caches[0].clear()
    try pass.read([.init(cache: caches[0], tokens: tokens[...], place: 0)])
    try pass.project(1)
    return Array(pass.logits(at: 0))
  }

  /// A text that grows.
  private struct Text {
    /// What the model knows of it, the last token included that it has not read yet.
    var window: ArraySlice<UInt32>
    var sampler: Sampler
    var generated: [UInt32] = []

    init(_ prompt: [UInt32], sampler: Sampler, context: Int) {
      window = prompt.suffix(context)
      self.sampler = sampler
      self.sampler.observe(prompt)
    }
  }

  private func check(_ prompt: ArraySlice<UInt32>) throws(ComputeError) {
    guard !prompt.isEmpty else {
      throw .invalidInput(what: "prompt", found: "0 tokens", allowed: "1 token or more")
    }
    if let token = prompt.first(where: { Int($0) >= configuration.vocabularySize }) {
      throw .invalidInput(
        what: "token id", found: "\(token)", allowed: "0 to \(configuration.vocabularySize - 1)")
    }
  }

  /// Makes room for a batch.
  private func reserve(_ count: Int) throws(ComputeError) {
    while caches.count < count { caches.append(try GenerationCache(configuration, device: device)) }
    if pass.batch < count { pass = try GenerationPass(model: model, batch: count, device: device) }
  }

  /// What the model reads next of a text: its window, or where that is known the last token.
  private func part(of text: inout Text, _ index: Int, place: Int) -> GenerationPass.Part {
    let cache = caches[index]
    if cache.position == configuration.context {
      text.window = text.window.suffix(max(configuration.context / 2, 1))
      cache.clear()
    }
    return GenerationPass.Part(cache: cache, tokens: text.window.dropFirst(cache.position), place: place)
  }
}
