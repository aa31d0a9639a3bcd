import EmethCompute
import EmethKit
import Foundation
import Synchronization

/// The models that a machine has for generating text: on its disk as many as there is room for, and the one that was used
/// last in memory, ready to be read.
final class ModelShelf: Sendable {
  /// A model that is ready.
  struct Ready: Sendable {
    let configuration: ModelConfiguration
    let tokenizer: any Tokenizer
    let weights: GenerationModel
  }

  private let folder: URL
  private let byteLimit: UInt64
  /// Of CPUs alone: a GPU's memory goes with its context.
  private let last = Mutex<(hash: Bytes32, model: Ready)?>(nil)

  /// - Parameters:
  ///   - folder: where models lie, a folder each, called after its hash.
  ///   - byteLimit: how many bytes they may have together. The one that is used may have more.
  init(folder: URL, byteLimit: UInt64) {
    self.folder = folder
    self.byteLimit = byteLimit
  }

  /// Whether a model's files are here.
  func has(_ model: ModelReference) -> Bool {
    FileManager.default.fileExists(atPath: place(of: model).path)
  }

  /// A model, its files as their hashes say.
  ///
  /// Blocks: not for the cooperative pool.
  ///
  /// - Parameter store: has the files where they are not here.
  /// - Throws: ``NetworkError/malformed(what:reason:)`` for files that are no model, which they are nowhere then.
  func model(
    _ model: ModelReference, from store: ContentStore, on device: Device
  ) throws(NetworkError) -> Ready {
    try last.withLock { last throws(NetworkError) in
      if device.gpu == nil, let known = last, known.hash == model.hash { return known.model }
      // Two large ones are not kept beside each other.
      last = nil
      let place = try take(model, from: store)
      let (configuration, tokenizer) = try model.read(place)
      let weights: GenerationModel
      do throws(ComputeError) {
        _ = try GenerationPlan(
          configuration: configuration, format: .f32, texts: 1,
          available: device.availableByteCount().map {
            $0 - device.operationByteCount(generating: configuration, texts: 1)
          })
        let contents = try ModelFolder.read(from: place)
        weights = try GenerationModel(
          configuration: configuration, parameters: contents.parameters, device: device)
      } catch {
        switch error {
        case .malformedFile, .invalidInput, .invalidConfiguration:
          throw .malformed(what: "model", reason: error.message)
        default: throw .compute(error)
        }
      }
      let ready = Ready(configuration: configuration, tokenizer: tokenizer, weights: weights)
      if device.gpu == nil { last = (model.hash, ready) }
      return ready
    }
  }

  /// Lays a model's files out, or looks whether they are what they were.
  private func take(_ model: ModelReference, from store: ContentStore) throws(NetworkError) -> URL {
    let place = place(of: model)
    if has(model) {
      var isSound = true
      for (name, content) in model.files where isSound {
        isSound = (try? Files.hash(of: place.appending(path: name))) == content
      }
      if isSound {
        try asNetworkError {
          try FileManager.default.setAttributes([.modificationDate: Date()], ofItemAtPath: place.path)
        }
        return place
      }
      try Files.remove(place)
    }
    try Files.makeFolder(folder)
    // What a killed process has left: nobody else is here.
    for name in try asNetworkError({ try FileManager.default.contentsOfDirectory(atPath: folder.path) })
    where name.hasPrefix(".") {
      try Files.remove(folder.appending(path: name))
    }
    let draft = folder.appending(path: ".\(UUID().uuidString).partial")
    try Files.makeFolder(draft)
    defer { try? Files.remove(draft) }
    for (name, content) in model.files {
      let (file, target) = (try store.file(of: content).url, draft.appending(path: name))
      // The same bytes once on the disk, where both places are on one.
      if link(file.path, target.path) != 0 {
        try asNetworkError { try FileManager.default.copyItem(at: file, to: target) }
      }
      let found = try Files.hash(of: target)
      guard found == content else { throw .corruptObject(hash: content, found: found) }
    }
    try asNetworkError { try FileManager.default.moveItem(at: draft, to: place) }
    try makeRoom(besides: place)
    return place
  }

  /// Deletes what was used longest ago until the rest has room.
  private func makeRoom(besides kept: URL) throws(NetworkError) {
    var models = try asNetworkError {
      try FileManager.default.contentsOfDirectory(
        at: folder, includingPropertiesForKeys: [.contentModificationDateKey], options: .skipsHiddenFiles
      ).map { model -> (place: URL, used: Date, byteCount: UInt64) in
        let files = try FileManager.default.contentsOfDirectory(at: model, includingPropertiesForKeys: nil)
        let used = try model.resourceValues(forKeys: [.contentModificationDateKey]).contentModificationDate
        return (model, used ?? .distantPast, files.reduce(0) { $0 + (Files.byteCount(of: $1) ?? 0) })
      }
    }
    models.sort { $0.used > $1.used }
    while models.reduce(0, { $0 + $1.byteCount }) > byteLimit,
      let oldest = models.lastIndex(where: { $0.place.lastPathComponent != kept.lastPathComponent })
    {
      try Files.remove(models.remove(at: oldest).place)
    }
  }

  private func place(of model: ModelReference) -> URL {
    folder.appending(path: Hex.encode(model.hash.bytes, prefixed: false))
  }
}
