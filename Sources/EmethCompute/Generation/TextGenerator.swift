/// Continues a text with a model, one token at a time.
///
/// Keys and values of tokens once read are kept, so a token costs one row of every product. When the context is
/// full, the last half of it is read again as a new beginning and generation goes on: the model then knows
/// that half and what follows, no more.
///
/// The tokens depend on weights, prompt and sampler alone, bit for bit the same on every machine.
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
  private let device: Device
  private let cache: GenerationCache

  /// A generator over the weights of a model, which are not copied and must not change meanwhile.
  ///
  /// - Parameter parameters: in the order of `ParameterLayout(configuration)`.
  /// - Throws: `ComputeError.outOfMemory`.
  public init(
    configuration: ModelConfiguration, parameters: FloatArena, device: Device
  ) throws(ComputeError) {
    self.configuration = configuration
    self.device = device
    cache = try GenerationCache(configuration: configuration, parameters: parameters, device: device)
  }

  /// A generator over the parameters of a training state.
  public convenience init(state: TrainingState, device: Device) throws(ComputeError) {
    try self.init(configuration: state.configuration, parameters: state.parameterArena, device: device)
  }

  /// The tokens that follow `prompt`.
  ///
  /// - Parameters:
  ///   - prompt: one token or more; of a prompt longer than the context its last T tokens are read.
  ///   - maxTokens: how many to generate at most, 0 or more.
  ///   - stopToken: generation ends before this token, where one is given.
  ///   - onToken: called with each token as it is drawn; false ends the generation.
  /// - Throws: `ComputeError.invalidInput` for an empty prompt or an id outside the vocabulary, or when the model's
  ///   logits are not finite.
  public func generate(
    prompt: [UInt32], maxTokens: Int, sampler: Sampler, stopToken: UInt32? = nil,
    onToken: (UInt32) -> Bool = { _ in true }
  ) throws(ComputeError) -> [UInt32] {
    guard maxTokens >= 0 else {
      throw .invalidInput(what: "number of tokens", found: "\(maxTokens)", allowed: "0 or more")
    }
    var sampler = sampler
    var window = prompt.suffix(configuration.context)
    try begin(window)
    var generated: [UInt32] = []
    while generated.count < maxTokens {
      let token = try sampler.next(cache.logits, device: device)
      if token == stopToken { break }
      generated.append(token)
      guard onToken(token), generated.count < maxTokens else { break }
      window.append(token)
      if cache.position < configuration.context {
        try cache.read([token])
      } else {
        window = window.suffix(max(configuration.context / 2, 1))
        try begin(window)
      }
    }
    return generated
  }

  /// The logits (V) of the token that follows `tokens`, at most T of them.
  ///
  /// - Throws: `ComputeError.invalidInput` for no token, more than T, or an id outside the vocabulary.
  public func logits(after tokens: [UInt32]) throws(ComputeError) -> [Float] {
    guard tokens.count <= configuration.context else {
      throw .invalidInput(
        what: "tokens", found: "\(tokens.count)", allowed: "at most the context, \(configuration.context)")
    }
    try begin(tokens[...])
    return Array(cache.logits)
  }

  private func begin(_ tokens: ArraySlice<UInt32>) throws(ComputeError) {
    guard !tokens.isEmpty else {
      throw .invalidInput(what: "prompt", found: "0 tokens", allowed: "1 token or more")
    }
    cache.clear()
    try cache.read(tokens)
  }
}
