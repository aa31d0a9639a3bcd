import EmethCompute
import EmethKit
import Foundation

extension JobFolder {
  /// Name of the file in `job/` that holds the key of a relabelled vocabulary.
  static let maskFile = "vocabulary-mask"

  /// Relabels a model that fits its tokenizer as the nodes had it: the job's state roots are of that model.
  ///
  /// The key lies in a file that the requester keeps for itself. Without it nothing is relabelled: who was given
  /// the nodes' model in place of the requester's checks it as it is.
  func relabel(_ state: TrainingState, by manifest: TrainingManifest) throws(NetworkError) {
    let file = model.appending(path: "job/\(Self.maskFile)")
    guard FileManager.default.fileExists(atPath: file.path) else { return }
    let text = String(decoding: try Files.read(file), as: UTF8.self)
    let mask = try asNetworkError {
      try VocabularyMask(
        key: Bytes32(hex: text.trimmingCharacters(in: .whitespacesAndNewlines)),
        vocabularySize: manifest.model.vocabularySize)
    }
    try state.mask(mask)
  }
}
