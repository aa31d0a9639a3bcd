import EmethCompute
import EmethKit
import Foundation

extension DataSet {
  /// The same records with every token's id replaced by the one that stands for it.
  func relabelled(by mask: VocabularyMask) throws(NetworkError) -> DataSet {
    DataSet(
      context: context, training: try training.relabelled(by: mask),
      validation: try validation.relabelled(by: mask))
  }

  private init(context: Int, training: TrainingData, validation: TrainingData) {
    self.context = context
    self.training = training
    self.validation = validation
  }
}

extension TrainingData {
  fileprivate func relabelled(by mask: VocabularyMask) throws(NetworkError) -> TrainingData {
    let tokens = try asNetworkError { try mask.masked(Self.tokens(bytes)) }
    var words = Data(capacity: bytes.count)
    for token in tokens { withUnsafeBytes(of: token.littleEndian) { words.append(contentsOf: $0) } }
    return try TrainingData(context: context, bytes: words)
  }
}

extension Surroundings {
  /// The relabelling of a job's tokens; nil when it asks for none.
  func vocabularyMask(of job: JobID, manifest: TrainingManifest) throws(NetworkError) -> VocabularyMask? {
    guard manifest.masksVocabulary else { return nil }
    return try asNetworkError {
      try VocabularyMask(
        key: splitter.maskKey(of: job), vocabularySize: manifest.model.vocabularySize)
    }
  }
}

extension TrainingState {
  /// Gives every token the embedding row of the id that stood for it: what the nodes trained becomes a model
  /// that fits its tokenizer. The head is tied to the embedding, so it follows.
  public func unmask(_ mask: VocabularyMask) throws(NetworkError) {
    try moveRows(of: mask) { token, label in (from: label, to: token) }
  }

  /// The reverse of ``unmask(_:)``: the model as the nodes had it.
  func mask(_ mask: VocabularyMask) throws(NetworkError) {
    try moveRows(of: mask) { token, label in (from: token, to: label) }
  }

  private func moveRows(
    of mask: VocabularyMask, _ move: (_ token: Int, _ label: Int) -> (from: Int, to: Int)
  ) throws(NetworkError) {
    guard let table = layout["wte.weight"], table.shape.first == Int(mask.vocabularySize) else {
      throw .inconsistent(what: "the model's embedding does not have the vocabulary's rows")
    }
    let width = table.count / Int(mask.vocabularySize)
    let rows = Array(parameters[table.range])
    for token in 0..<mask.vocabularySize {
      let (source, target) = move(Int(token), Int(mask.label(of: token)))
      for column in 0..<width {
        parameters[table.offset + target * width + column] = rows[source * width + column]
      }
    }
  }
}
