import Foundation

/// The folder in which a training that is not finished keeps its last checkpoint and its tokenizer.
///
/// `checkpoint.safetensors` is replaced in one step (temporary file, flush to the disk, rename), so that
/// whatever ends the process, the last whole checkpoint is there. One process at a time works in a folder.
///
/// ```swift
/// let folder = try CheckpointFolder(creating: url, tokenizer: tokenizer)
/// try folder.write(checkpoint, state, device: device)
/// // later
/// let (checkpoint, state) = try CheckpointFolder(opening: url).read(device: device)
/// ```
public final class CheckpointFolder {
  /// The folder.
  public let url: URL
  private let lock: Int32
  private static let fileName = "checkpoint.safetensors"

  private var file: URL { url.appendingPathComponent(Self.fileName) }

  /// Begins a folder, or takes over one in which there is no checkpoint yet.
  ///
  /// - Throws: `ComputeError.checkpointExists` when it holds one, `checkpointInUse`, `fileUnwritable`.
  public convenience init(creating url: URL, tokenizer: any Tokenizer) throws(ComputeError) {
    if mkdir(url.path, 0o777) != 0, errno != EEXIST {
      throw .fileUnwritable(path: url.relativePath, reason: WholeFile.reason(errno))
    }
    try self.init(locking: url)
    guard !FileManager.default.fileExists(atPath: file.path) else {
      throw .checkpointExists(path: url.relativePath)
    }
    try tokenizer.write(to: url)
  }

  /// Opens a folder that holds a checkpoint.
  ///
  /// - Throws: `ComputeError.checkpointMissing`, `checkpointInUse`, `fileUnreadable`.
  public convenience init(opening url: URL) throws(ComputeError) {
    guard FileManager.default.fileExists(atPath: url.appendingPathComponent(Self.fileName).path) else {
      throw .checkpointMissing(path: url.relativePath)
    }
    try self.init(locking: url)
  }

  private init(locking url: URL) throws(ComputeError) {
    self.url = url
    lock = open(url.path, O_RDONLY | O_DIRECTORY | O_CLOEXEC)
    guard lock >= 0 else { throw .fileUnreadable(path: url.relativePath, reason: WholeFile.reason(errno)) }
    guard flock(lock, LOCK_EX | LOCK_NB) == 0 else { throw .checkpointInUse(path: url.relativePath) }
    removeTemporaries()
  }

  deinit { close(lock) }

  /// Replaces the checkpoint.
  ///
  /// - Throws: `ComputeError.notFinite` when the state is not finite, `fileUnwritable`; the checkpoint before
  ///   stays.
  public func write(
    _ checkpoint: TrainingCheckpoint, _ state: TrainingState, device: Device? = nil
  ) throws(ComputeError) {
    try checkpoint.write(state, to: file, device: device)
  }

  /// The checkpoint and the state it was written with.
  ///
  /// - Throws: `ComputeError.fileUnreadable`, `malformedFile`, `outOfMemory`.
  public func read(
    device: Device? = nil
  ) throws(ComputeError) -> (checkpoint: TrainingCheckpoint, state: TrainingState) {
    try TrainingCheckpoint.read(from: file, device: device)
  }

  /// The arithmetic that a folder's training began with, without its state; nil where the checkpoint does not say, of
  /// which ``read(device:)`` says why.
  public static func profile(in url: URL) -> NumericProfile? {
    guard let file = try? SafetensorsFile(contentsOf: url.appendingPathComponent(fileName)),
      let settings = file.metadata["settings"]
    else { return nil }
    return try? TrainingCheckpoint.decode(settings: settings, path: file.url.path).0.profile
  }

  /// The tokenizer of the training.
  ///
  /// - Throws: `ComputeError.fileUnreadable`, `malformedFile`; `resumeMismatch` when it is not the
  ///   checkpoint's.
  public func tokenizer(of checkpoint: TrainingCheckpoint) throws(ComputeError) -> any Tokenizer {
    let tokenizer = try TokenizerLoader.load(folder: url)
    guard tokenizer.hash == checkpoint.tokenizerHash else {
      throw .resumeMismatch(
        what: "tokenizer in \(url.relativePath)", found: HexText.encode(tokenizer.hash),
        expected: HexText.encode(checkpoint.tokenizerHash))
    }
    return tokenizer
  }

  /// Removes the folder with all that is in it, when the training is finished.
  public func remove() throws(ComputeError) {
    do {
      try FileManager.default.removeItem(at: url)
    } catch {
      throw .fileUnwritable(path: url.relativePath, reason: (error as NSError).localizedDescription)
    }
  }

  /// What a process left that was killed while it wrote.
  private func removeTemporaries() {
    let names = (try? FileManager.default.contentsOfDirectory(atPath: url.relativePath)) ?? []
    for name in names where name.hasPrefix(".\(Self.fileName).") {
      unlink(url.appendingPathComponent(name).path)
    }
  }
}
