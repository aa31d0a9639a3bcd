import Foundation

/// A model as a folder that this project and Hugging Face tools open: `config.json`, `model.safetensors` and
/// the tokenizer's files.
///
/// ```swift
/// try ModelFolder.write(
///   to: folder, configuration: .tiny, parameters: UnsafeBufferPointer(state.parameters),
///   tokenizer: ByteTokenizer())
/// let model = try ModelFolder.read(from: folder)
/// let state = try TrainingState(configuration: model.configuration)
/// model.copyParameters(to: state)
/// ```
///
/// In Python: `GPT2LMHeadModel.from_pretrained(folder)`.
public enum ModelFolder {
  /// What a folder holds.
  public struct Contents: Sendable {
    /// The model's shape.
    public let configuration: ModelConfiguration
    /// The weights in the order of `ParameterLayout(configuration)`.
    public let parameters: FloatArena
    /// The tokenizer its token ids are of.
    public let tokenizer: any Tokenizer

    /// Copies the weights into a state of the same shape; its moments and counters stay.
    public func copyParameters(to state: TrainingState) {
      precondition(state.configuration == configuration, "states of different models")
      // A buffer does not keep its arena alive.
      withExtendedLifetime((parameters, state)) {
        _ = state.parameters.update(fromContentsOf: parameters.elements)
      }
    }
  }

  static let weightsName = "model.safetensors"
  static let configurationName = "config.json"
  private static let prefix = "transformer."
  /// The files that say that a folder has a tokenizer.
  private static let tokenizerNames = [
    "tokenizer.json", "vocab.json", "merges.txt", "encoder.json", "vocab.bpe", "tokenizer.model",
  ]

  /// Writes a model; the folder is made if it is not there, its other files stay.
  ///
  /// Each file appears whole or not at all, the weights last.
  /// - Parameter parameters: in the order of `ParameterLayout(configuration)`.
  /// - Throws: `ComputeError.fileUnwritable`; `invalidConfiguration` when the tokenizer has more ids than the
  ///   model has embedding rows.
  public static func write(
    to folder: URL, configuration: ModelConfiguration, parameters: UnsafeBufferPointer<Float>,
    tokenizer: any Tokenizer
  ) throws(ComputeError) {
    let layout = ParameterLayout(configuration)
    precondition(parameters.count == layout.count, "the arena does not fit the configuration")
    try check(tokenizer, configuration)
    do {
      try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
    } catch {
      throw .fileUnwritable(path: folder.path, reason: (error as NSError).localizedDescription)
    }
    try tokenizer.write(to: folder)
    let json = ModelFolderConfiguration.encode(configuration, endOfText: tokenizer.endOfText)
    try WholeFile.write(json, to: folder.appendingPathComponent(configurationName))
    let writer = try SafetensorsWriter(
      folder.appendingPathComponent(weightsName),
      tensors: layout.tensors.map { (prefix + $0.name, $0.shape) }, metadata: ["format": "pt"])
    for tensor in layout.tensors { try writer.append(.init(rebasing: parameters[tensor.range])) }
    try writer.finish()
  }

  /// Reads a model, its weights and its tokenizer.
  ///
  /// - Parameter device: what works on the weights; nil for any CPU.
  /// - Throws: `ComputeError.fileUnreadable` when a file is missing, `malformedFile` when one is not that of
  ///   a GPT-2 family model with tied embeddings, `outOfMemory`.
  public static func read(from folder: URL, device: Device? = nil) throws(ComputeError) -> Contents {
    let configuration = try readConfiguration(from: folder)
    let tokenizer = try readTokenizer(from: folder, configuration: configuration)
    let arena = try FloatArena(count: configuration.parameterCount, device: device)
    try readParameters(from: folder, configuration: configuration, into: arena.elements)
    return Contents(configuration: configuration, parameters: arena, tokenizer: tokenizer)
  }

  /// Reads the model's shape alone.
  public static func readConfiguration(from folder: URL) throws(ComputeError) -> ModelConfiguration {
    try ModelFolderConfiguration.decode(contentsOf: folder.appendingPathComponent(configurationName))
  }

  /// Reads the tokenizer that goes with the shape: the folder's, or the byte tokenizer where a model of 256
  /// token ids has no tokenizer file.
  ///
  /// - Throws: `ComputeError.fileUnreadable` when another model has none, `malformedFile` when it can't be
  ///   used,
  ///   `invalidConfiguration` when it has more ids than the model.
  public static func readTokenizer(
    from folder: URL, configuration: ModelConfiguration
  ) throws(ComputeError) -> any Tokenizer {
    let isPlain = !tokenizerNames.contains {
      FileManager.default.fileExists(atPath: folder.appendingPathComponent($0).path)
    }
    guard configuration.vocabularySize != 256 || !isPlain else { return ByteTokenizer() }
    let tokenizer = try TokenizerLoader.load(folder: folder)
    try check(tokenizer, configuration)
    return tokenizer
  }

  /// Reads the weights into an arena of the configuration's layout, such as a training state's parameters.
  ///
  /// Elements are binary32, binary16 or bfloat16. Names stand with or without `transformer.`; the causal
  /// masks that older files carry are left out, and an `lm_head.weight` must be the token embedding, bit for
  /// bit.
  public static func readParameters(
    from folder: URL, configuration: ModelConfiguration, into parameters: UnsafeMutableBufferPointer<Float>
  ) throws(ComputeError) {
    let file = try SafetensorsFile(contentsOf: folder.appendingPathComponent(weightsName))
    let layout = ParameterLayout(configuration)
    precondition(parameters.count == layout.count, "the arena does not fit the configuration")
    var missing = Set(layout.tensors.map(\.name))
    for entry in file.tensors {
      let name = entry.name.hasPrefix(prefix) ? String(entry.name.dropFirst(prefix.count)) : entry.name
      if name.hasSuffix(".attn.bias") || name.hasSuffix(".attn.masked_bias") || name == "lm_head.weight" {
        continue
      }
      guard let tensor = layout[name], missing.remove(name) != nil else {
        throw .malformedFile(
          path: file.url.path, what: "tensor \(entry.name)", found: layout[name] == nil ? "unknown" : "twice",
          allowed: "each tensor of the model once")
      }
      try file.read(entry, shape: tensor.shape, into: .init(rebasing: parameters[tensor.range]))
    }
    if let name = missing.min() {
      throw .malformedFile(
        path: file.url.path, what: "tensor \(name)", found: "missing", allowed: "all tensors of the model")
    }
    try checkHead(in: file, layout: layout, parameters: parameters)
  }

  private static func checkHead(
    in file: SafetensorsFile, layout: ParameterLayout, parameters: UnsafeMutableBufferPointer<Float>
  ) throws(ComputeError) {
    guard let head = file.tensors.first(where: { $0.name == "lm_head.weight" }),
      let embedding = layout["wte.weight"]
    else { return }
    let isTied = try file.holds(
      head, shape: embedding.shape, equalTo: UnsafeBufferPointer(rebasing: parameters[embedding.range]))
    guard isTied else {
      throw .malformedFile(
        path: file.url.path, what: "lm_head.weight", found: "weights of its own",
        allowed: "the token embedding's (tied)")
    }
  }

  private static func check(
    _ tokenizer: any Tokenizer, _ configuration: ModelConfiguration
  ) throws(ComputeError) {
    guard tokenizer.vocabularySize <= configuration.vocabularySize else {
      throw .invalidConfiguration(
        what: "tokenizer's vocabulary", found: "\(tokenizer.vocabularySize)",
        allowed: "at most the model's, \(configuration.vocabularySize)")
    }
  }
}
