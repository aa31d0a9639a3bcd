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
  /// Texts that are open, each at the place of its cache.
  private var texts: [Text?] = []

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
    guard maxTokens > 0 else {
      prompts.indices.forEach(onEnd)
      return prompts.map { _ in [] }
    }
    try reserve(prompts.count)
    var places: [Int] = []
    defer { for place in places { close(place) } }
    for (prompt, sampler) in zip(prompts, samplers) { places.append(try open(prompt, sampler: sampler)) }
    var drawn = prompts.map { _ in [UInt32]() }
    var active = Array(prompts.indices)
    while !active.isEmpty {
      var going: [Int] = []
      for (index, token) in zip(active, try draw(active.map { places[$0] })) {
        if token == stopToken {
          onEnd(index)
          continue
        }
        drawn[index].append(token)
        if onToken(index, token), drawn[index].count < maxTokens {
          going.append(index)
        } else {
          onEnd(index)
        }
      }
      active = going
    }
    return drawn
  }

  // MARK: - Texts that come and go

  /// Begins a text, which takes part in draws until it is closed; others may be open already.
  ///
  /// - Parameters:
  ///   - prompt: one token or more; of a prompt longer than the context its last T tokens are read.
  ///   - drawn: the first tokens that this sampler has drawn after the prompt, here or on another machine: the text
  ///     goes on as if they had been drawn here.
  ///   - sampler: at the start of its draws.
  /// - Returns: the text's number, until ``close(_:)``.
  /// - Throws: `ComputeError.invalidInput` for an empty prompt or an id outside the vocabulary; `outOfMemory`.
  public func open(
    _ prompt: [UInt32], drawn: [UInt32] = [], sampler: Sampler
  ) throws(ComputeError) -> Int {
    try check(prompt[...])
    if !drawn.isEmpty { try check(drawn[...]) }
    let text = try Text(prompt, drawn: drawn, sampler: sampler, context: configuration.context)
    let place = texts.firstIndex { $0 == nil } ?? texts.count
    if place == texts.count { texts.append(nil) }
    try reserve(texts.count)
    texts[place] = text
    caches[place].clear()
    return place
  }

  /// Draws the next token of each of these texts: the weights are read once for all of them.
  ///
  /// - Parameter open: numbers of open texts, each once.
  /// - Returns: their tokens in the same order.
  /// - Throws: `ComputeError.invalidInput` when the model's logits are not finite.
  public func draw(_ open: [Int]) throws(ComputeError) -> [UInt32] {
    try pass.read(open.enumerated().map { place, text in part(of: text, place: place) })
    try pass.project(open.count)
    var tokens: [UInt32] = []
    for (place, text) in open.enumerated() {
      guard var state = texts[text] else { preconditionFailure("text \(text) is not open") }
      texts[text] = nil
      let token = try state.sampler.next(UnsafeBufferPointer(pass.logits(at: place)), device: device)
      state.window.append(token)
      texts[text] = state
      tokens.append(token)
    }
    return tokens
  }

  /// Ends a text; its number may be given again.
  public func close(_ text: Int) { texts[text] = nil }

  /// The logits (V) of the token that follows `tokens`, at most T of them.
  ///
  /// - Throws: `ComputeError.invalidInput` for no token, more than T, or an id outside the vocabulary.
  public func logits(after tokens: [UInt32]) throws(ComputeError) -> [Float] {
    guard tokens.count <= configuration.context else {
      throw .invalidInput(
        what: "tokens", found: "\(tokens.count)", allowed: "at most the context, \(configuration.context)")
    }
    try check(tokens[...])
    precondition(texts.allSatisfy { $0 == nil }, "texts are open")
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

    init(_ prompt: [UInt32], drawn: [UInt32], sampler: Sampler, context: Int) throws(ComputeError) {
      window = prompt.suffix(context)
      self.sampler = sampler
      self.sampler.observe(prompt)
      try self.sampler.pass(over: drawn)
      // As the window has moved while they were drawn.
      for token in drawn {
        if window.count > context { window = Self.beginning(of: window, context) }
        window.append(token)
      }
    }

    /// What is read again of a window that the context has no room for.
    static func beginning(of window: ArraySlice<UInt32>, _ context: Int) -> ArraySlice<UInt32> {
      window.suffix(max(context / 2, 1))
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

  /// Makes room for so many open texts at once; more make room for themselves.
  ///
  /// - Throws: `ComputeError.outOfMemory`.
  public func reserve(_ count: Int) throws(ComputeError) {
    while caches.count < count { caches.append(try GenerationCache(configuration, device: device)) }
    if pass.batch < count { pass = try GenerationPass(model: model, batch: count, device: device) }
  }

  /// What the model reads next of a text: its window, or where that is known the last token.
  private func part(of text: Int, place: Int) -> GenerationPass.Part {
    guard var window = texts[text]?.window else { preconditionFailure("text \(text) is not open") }
    let cache = caches[text]
    if window.count > configuration.context {
      window = Text.beginning(of: window, configuration.context)
      texts[text]?.window = window
      cache.clear()
    }
    return GenerationPass.Part(cache: cache, tokens: window.dropFirst(cache.position), place: place)
  }
}
