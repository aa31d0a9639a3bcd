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
  /// Bytes of the weights that are kept in memory.
  private let held = Mutex(0)
  /// Folders that are not deleted for others.
  private let kept = Mutex<Set<String>>([])
  /// Of those who bring models: two that share a file don't get in each other's way.
  private let turn = Turn()

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

  /// Keeps a model that is here, whatever comes later, where it has room beside the others that are kept; a single one
  /// needs none.
  ///
  /// - Returns: whether it is kept.
  func keep(_ model: ModelReference) throws(NetworkError) -> Bool {
    let place = place(of: model)
    let byteCount = try byteCount(of: place)
    var all = try contents()
    all.removeAll { $0.place.lastPathComponent == place.lastPathComponent }
    return kept.withLock { kept in
      let others = all.filter { kept.contains($0.place.lastPathComponent) }
      let used = others.reduce(byteCount) { $0 + $1.byteCount }
      guard others.isEmpty || used <= byteLimit else { return false }
      kept.insert(place.lastPathComponent)
      return true
    }
  }

  /// Keeps none but these any longer.
  func release(allBut models: [ModelReference]) {
    let names = Set(models.map { place(of: $0).lastPathComponent })
    kept.withLock { $0.formIntersection(names) }
  }

  /// Bytes of memory that ``letGo()`` would free.
  var heldByteCount: Int { held.withLock { $0 } }

  /// Forgets the model in memory: somebody needs the room.
  ///
  /// Blocks: not for the cooperative pool.
  func letGo() {
    last.withLock { $0 = nil }
    held.withLock { $0 = 0 }
  }

  /// Fetches a model's files and lays them on the shelf, unless it is there.
  /// They are fetched into a place of their own: whatever a requester calls a file of a model, nothing else goes with it.
  ///
  /// - Parameter fetch: fetches an object into a store.
  func bring(
    _ model: ModelReference, on lane: AgentLane,
    fetch: (Bytes32, ContentStore) async throws(NetworkError) -> Void
  ) async throws(NetworkError) {
    await turn.take()
    defer { turn.pass() }
    if has(model) { return }
    let objects = try ContentStore(folder: folder.appending(path: ".objects"))
    do throws(NetworkError) {
      for object in model.objects { try await fetch(object, objects) }
      try await lane.run { [self] _ in
        try last.withLock { _ in _ = try take(model, from: objects) }
      }
    } catch {
      // What came already is not fetched again, where it is asked for again.
      if error.isFinalAnswer { try? Files.remove(objects.folder) }
      throw error
    }
    try Files.remove(objects.folder)
  }

  /// A model, its files as their hashes say.
  ///
  /// Blocks: not for the cooperative pool.
  ///
  /// - Parameter store: has the files where they are not here.
  /// - Throws: ``NetworkError/malformed(what:reason:)`` for files that are no model, which they are nowhere then.
  func model(
    _ model: ModelReference, from store: ContentStore?, on device: Device
  ) throws(NetworkError) -> Ready {
    try last.withLock { last throws(NetworkError) in
      if device.gpu == nil, let known = last, known.hash == model.hash { return known.model }
      // Two large ones are not kept beside each other.
      last = nil
      held.withLock { $0 = 0 }
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
        throw model.fault(error)
      }
      let ready = Ready(configuration: configuration, tokenizer: tokenizer, weights: weights)
      if device.gpu == nil {
        last = (model.hash, ready)
        held.withLock { $0 = configuration.parameterCount * MemoryLayout<Float>.stride }
      }
      return ready
    }
  }

  /// Lays a model's files out, or looks whether they are what they were.
  private func take(_ model: ModelReference, from store: ContentStore?) throws(NetworkError) -> URL {
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
    guard let store else { throw .missingObject(hash: model.hash) }
    try Files.makeFolder(folder)
    // What a killed process has left: nobody else is here.
    for name in try asNetworkError({ try FileManager.default.contentsOfDirectory(atPath: folder.path) })
    where name.hasPrefix(".") && name.hasSuffix(".partial") {
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
    var models = try contents().sorted { $0.used > $1.used }
    let all = self.kept.withLock { $0 }.union([kept.lastPathComponent])
    while models.reduce(0, { $0 + $1.byteCount }) > byteLimit,
      let oldest = models.lastIndex(where: { !all.contains($0.place.lastPathComponent) })
    {
      try Files.remove(models.remove(at: oldest).place)
    }
  }

  private func contents() throws(NetworkError) -> [(place: URL, used: Date, byteCount: UInt64)] {
    let models = try asNetworkError {
      try FileManager.default.contentsOfDirectory(
        at: folder, includingPropertiesForKeys: [.contentModificationDateKey], options: .skipsHiddenFiles)
    }
    var contents: [(place: URL, used: Date, byteCount: UInt64)] = []
    for model in models {
      let used = try asNetworkError {
        try model.resourceValues(forKeys: [.contentModificationDateKey]).contentModificationDate
      }
      contents.append((model, used ?? .distantPast, try byteCount(of: model)))
    }
    return contents
  }

  private func byteCount(of model: URL) throws(NetworkError) -> UInt64 {
    try asNetworkError {
      try FileManager.default.contentsOfDirectory(at: model, includingPropertiesForKeys: nil)
    }.reduce(0) { $0 + (Files.byteCount(of: $1) ?? 0) }
  }

  private func place(of model: ModelReference) -> URL {
    folder.appending(path: Hex.encode(model.hash.bytes, prefixed: false))
  }
}

/// One at a time, in the order in which they come.
final class Turn: Sendable {
  private struct State {
    var isTaken = false
    var waiting: [CheckedContinuation<Void, Never>] = []
  }

  private let state = Mutex(State())

  /// Waits until nobody else has it.
  func take() async {
    await withCheckedContinuation { next in
      let isFree = state.withLock { state in
        if state.isTaken { state.waiting.append(next) }
        defer { state.isTaken = true }
        return !state.isTaken
      }
      if isFree { next.resume() }
    }
  }

  /// Lets the next one have it.
  func pass() {
    let next = state.withLock { state -> CheckedContinuation<Void, Never>? in
      state.isTaken = !state.waiting.isEmpty
      return state.waiting.isEmpty ? nil : state.waiting.removeFirst()
    }
    next?.resume()
  }
}
