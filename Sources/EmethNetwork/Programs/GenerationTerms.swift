import EmethCompute
import EmethKit
import Foundation

/// A model whose folder is known by content: the files by name, and the shape that fuel is computed by.
public struct ModelReference: Codable, Sendable, Hashable {
  /// SHA-256 of each file of the model folder, as ``EmethCompute/ModelFolder`` writes it. Objects.
  public let files: [String: Bytes32]
  /// Transformer blocks.
  public let layers: UInt32
  /// Attention heads.
  public let heads: UInt32
  /// Channels.
  public let width: UInt32
  /// Tokens that it can read.
  public let context: UInt32
  /// Token ids.
  public let vocabularySize: UInt32

  /// The most files, and the most bytes of all but the weights.
  static let (fileLimit, byteLimit) = (16, UInt64(64 << 20))
  private static let weights = "model.safetensors"
  private static let configuration = "config.json"
  private static let nameBytes = Set(
    "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-".utf8)

  /// The model of a folder's files.
  ///
  /// - Throws: ``NetworkError/malformed(what:reason:)``.
  public init(files: [String: Bytes32], shape: ModelShape) throws(NetworkError) {
    self.files = files
    (layers, heads, width) = (shape.layers, shape.heads, shape.width)
    (context, vocabularySize) = (shape.context, shape.vocabularySize)
    try check()
  }

  /// The model of a folder that ``EmethCompute/ModelFolder`` has written; its other files are not of it.
  public init(folder: URL) throws(NetworkError) {
    let names = try asNetworkError { try FileManager.default.contentsOfDirectory(atPath: folder.path) }
    var files: [String: Bytes32] = [:]
    for name in names {
      let file = folder.appending(path: name)
      guard Files.byteCount(of: file) != nil else { continue }
      files[name] = try Files.hash(of: file)
    }
    let configuration = try asNetworkError { try ModelFolder.readConfiguration(from: folder) }
    try self.init(files: files, shape: asNetworkError { try configuration.modelShape() })
  }

  /// Refuses what no folder can be of: it may come from strangers.
  func check() throws(NetworkError) {
    guard files[Self.weights] != nil, files[Self.configuration] != nil, files.count <= Self.fileLimit else {
      throw .malformed(
        what: "model",
        reason:
          "found the files \(files.keys.sorted().joined(separator: ", ")), allowed are \(Self.configuration), "
          + "\(Self.weights) and at most \(Self.fileLimit - 2) of a tokenizer")
    }
    for name in files.keys {
      // A name is a name in a folder, and nothing else.
      guard let first = name.utf8.first, first != UInt8(ascii: "."), name.utf8.count <= 64,
        name.utf8.allSatisfy(Self.nameBytes.contains)
      else {
        throw .malformed(what: "file of the model", reason: "\(name.debugDescription) is no plain file name")
      }
    }
    _ = try shape
  }

  /// Its shape, within its limits.
  var shape: ModelShape {
    get throws(NetworkError) {
      try asNetworkError {
        try ModelShape(
          layers: layers, heads: heads, width: width, context: context, vocabularySize: vocabularySize)
      }
    }
  }

  /// One hash over all files: of their names and hashes, in the order of names.
  public var hash: Bytes32 {
    var hash = SHA256()
    for (name, content) in files.sorted(by: { $0.key.utf8.lexicographicallyPrecedes($1.key.utf8) }) {
      hash.update(Array(name.utf8) + [0] + content.bytes)
    }
    return hash.finalize()
  }

  /// Its weights.
  var weightsObject: Bytes32 { files[Self.weights] ?? .zero }

  /// Its objects.
  var objects: [Bytes32] { files.values.sorted { $0.bytes.lexicographicallyPrecedes($1.bytes) } }

  /// Its tokenizer; that its configuration is of the shape is looked at too. The weights need not be there.
  ///
  /// - Throws: ``NetworkError/missingObject(hash:)``, ``NetworkError/malformed(what:reason:)``.
  func tokenizer(from store: ContentStore) throws(NetworkError) -> any Tokenizer {
    let folder = FileManager.default.temporaryDirectory.appending(path: "emeth-model-\(UUID().uuidString)")
    try Files.makeFolder(folder)
    defer { try? Files.remove(folder) }
    var room = Self.byteLimit
    for (name, content) in files where name != Self.weights {
      guard let count = store.byteCount(of: content) else { throw .missingObject(hash: content) }
      guard count <= room else {
        throw .malformed(
          what: "model", reason: "its files have more than \(Self.byteLimit) bytes beside its weights")
      }
      room -= count
      try Files.write(try store.get(content), to: folder.appending(path: name), durable: false)
    }
    return try read(folder).tokenizer
  }

  /// What an error in reading its files says: that they are no model, which they are nowhere then, or that this machine
  /// can't read them now. Folders are nobody else's business, and not named.
  func fault(_ error: ComputeError) -> NetworkError {
    let error = error.namingFileAlone
    switch error {
    case .malformedFile, .invalidInput, .invalidConfiguration:
      return .malformed(what: "model", reason: error.message)
    // A file that the model does not have, though one such as it needs it.
    case .fileUnreadable(let name, _) where files[name] == nil:
      return .malformed(
        what: "model",
        reason: "it has no file \(name), only \(files.keys.sorted().joined(separator: ", "))")
    default: return .compute(error)
    }
  }

  /// The shape and the tokenizer of a folder that holds its files.
  func read(_ folder: URL) throws(NetworkError) -> (
    configuration: ModelConfiguration, tokenizer: any Tokenizer
  ) {
    let (found, tokenizer): (ModelConfiguration, any Tokenizer)
    do throws(ComputeError) {
      found = try ModelFolder.readConfiguration(from: folder)
      tokenizer = try ModelFolder.readTokenizer(from: folder, configuration: found)
    } catch {
      throw fault(error)
    }
    guard let own = try? found.modelShape(), try own == shape else {
      throw .malformed(
        what: "model", reason: "\(Self.configuration) is not of the shape that the job's manifest says")
    }
    return (found, tokenizer)
  }
}

extension ModelConfiguration {
  /// The same shape as a manifest writes it.
  public func modelShape() throws(ProgramError) -> ModelShape {
    try ModelShape(
      layers: UInt32(clamping: layers), heads: UInt32(clamping: heads), width: UInt32(clamping: width),
      context: UInt32(clamping: context), vocabularySize: UInt32(clamping: vocabularySize))
  }
}

/// What the manifest of a text generation (program 2) says beside what every computed job's does.
public struct GenerationTerms: Codable, Sendable, Hashable {
  /// What continues the prompts.
  public let model: ModelReference
  /// How prompts are drawn that don't say it themselves.
  public let drawing: Drawing
  /// How it calculates: `reproducible`, every bit the same everywhere.
  public let profile: String
  /// The most tokens that are read and drawn for a part, by which fuel and fee are computed: the Splitter counts again.
  @DecimalText public var partTokens: UInt64

  static let reproducible = "reproducible"

  /// The terms of a data set.
  ///
  /// - Parameters:
  ///   - dataSet: JSON lines; refused where a line is no prompt of this model.
  ///   - name: how errors name it.
  ///   - parts: into how many parts it is divided.
  public init(
    _ model: ModelReference, _ tokenizer: any Tokenizer, drawing: Drawing, dataSet: Data, named name: String,
    parts: UInt32
  ) throws(NetworkError) {
    if let fault = drawing.fault {
      throw .badSetting(name: fault.what, found: fault.found, allowed: fault.allowed)
    }
    self.model = model
    self.drawing = drawing
    profile = Self.reproducible
    partTokens = try Self.partTokens(
      dataSet, named: name, tokenizer, drawing: drawing, context: Int(model.context), parts: parts)
  }

  /// Refuses what no job can be of: it may come from strangers.
  func check() throws(NetworkError) {
    try model.check()
    guard profile == Self.reproducible else {
      throw .badSetting(name: "profile of the generation", found: profile, allowed: Self.reproducible)
    }
    guard partTokens > 0 else {
      throw .badSetting(name: "tokens of a part", found: "0", allowed: "1 and above")
    }
  }

  /// Refuses a data set that is not prompts of this model, or more of them than is paid for.
  func check(_ dataSet: Data, named name: String, _ tokenizer: any Tokenizer, parts: UInt32)
    throws(NetworkError)
  {
    let found = try Self.partTokens(
      dataSet, named: name, tokenizer, drawing: drawing, context: Int(model.context), parts: parts)
    guard found == partTokens else {
      throw .badDataSet(
        path: name, what: "another number of tokens in a part than is paid for", found: "\(found)",
        allowed: "\(partTokens)")
    }
  }

  /// Fuel of so many tokens.
  func fuel(tokens: UInt64) throws(NetworkError) -> Fuel {
    let shape = try model.shape
    return try asNetworkError { try FuelFormula.forward(model: shape, tokens: tokens) }
  }

  /// Fuel of an output: what was really read and drawn.
  ///
  /// - Throws: ``NetworkError/malformed(what:reason:)`` for what is no output.
  func fuel(ofOutput output: Data) throws(NetworkError) -> Fuel {
    try fuel(of: GeneratedText.lines(of: output))
  }

  /// Fuel of these texts.
  func fuel(of texts: some Sequence<GeneratedText>) throws(NetworkError) -> Fuel {
    var sum: UInt64 = 0
    for text in texts {
      guard (1...model.context).contains(text.promptTokens), text.tokens <= Drawing.maxTokensLimit else {
        throw .malformed(
          what: "generated text",
          reason:
            "found \(text.promptTokens) tokens of a prompt and \(text.tokens) drawn, allowed are at most "
            + "\(model.context) and \(Drawing.maxTokensLimit)")
      }
      sum += UInt64(
        GenerationTokens.count(
          prompt: Int(text.promptTokens), drawn: Int(text.tokens), context: Int(model.context)))
    }
    return try fuel(tokens: sum)
  }

  /// The most tokens of a part, if every prompt is continued to its end.
  private static func partTokens(
    _ dataSet: Data, named name: String, _ tokenizer: any Tokenizer, drawing: Drawing, context: Int,
    parts: UInt32
  ) throws(NetworkError) -> UInt64 {
    // A number a prompt, and no more of any but one: a data set may fill the memory as it is.
    var counts: [UInt64] = []
    try PromptList.forEach(in: dataSet, named: name, defaults: drawing) { line, prompt throws(NetworkError) in
      let tokens = try prompt.tokens(tokenizer, context: context, line: line, of: name)
      counts.append(
        UInt64(
          GenerationTokens.count(
            prompt: tokens.count, drawn: Int(prompt.drawing.maxTokens), context: context)))
    }
    let ranges = try asNetworkError {
      try SplitPlan.ranges(recordCount: UInt64(counts.count), parts: parts)
    }
    return ranges.map { counts[Int($0.lowerBound)..<Int($0.upperBound)].reduce(0, +) }.max() ?? 0
  }
}

extension ComputeError {
  /// The same with a file's name in the place of its path.
  fileprivate var namingFileAlone: ComputeError {
    func name(_ path: String) -> String { URL(filePath: path).lastPathComponent }
    return switch self {
    case .malformedFile(let path, let what, let found, let allowed):
      .malformedFile(path: name(path), what: what, found: found, allowed: allowed)
    case .fileUnreadable(let path, let reason): .fileUnreadable(path: name(path), reason: reason)
    default: self
    }
  }
}
