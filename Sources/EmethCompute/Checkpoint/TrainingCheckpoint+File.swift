import Foundation

/// A checkpoint's file: safetensors, so that any tool for it can look inside.
///
/// Tensors: `parameters/NAME`, `firstMoments/NAME`, `secondMoments/NAME` for each tensor of the layout, and
/// `losses`. Under `__metadata__`: `format`, `settings` (JSON), `stateRoot` (the root of PROTOCOL 7's state
/// stream) and
/// `checksum`, SHA-256 over settings, losses and root, so that no bit that changed on a disk goes unseen.
extension TrainingCheckpoint {
  static let format = "emeth checkpoint 1"
  private static let parts = ["parameters", "firstMoments", "secondMoments"]

  /// Writes a file that appears whole or not at all.
  ///
  /// - Throws: `ComputeError.notFinite` when an element is not finite: what can't go on is never kept;
  ///   `fileUnwritable`.
  func write(_ state: TrainingState, to url: URL, device: Device?) throws(ComputeError) {
    precondition(
      state.configuration == configuration && state.step == UInt64(step), "another training's state")
    try state.checkFinite()
    let root = state.root(on: device)
    let settings = settings
    let tensors = Self.parts.flatMap { part in
      state.layout.tensors.map { (name: "\(part)/\($0.name)", shape: $0.shape) }
    }
    let writer = try SafetensorsWriter(
      url, tensors: tensors + [(name: "losses", shape: [losses.count])],
      metadata: [
        "format": Self.format, "settings": settings, "stateRoot": HexText.encode(root),
        "checksum": HexText.encode(Self.checksum(settings: settings, losses: losses, root: root)),
      ])
    for arena in state.arenas {
      for tensor in state.layout.tensors {
        try writer.append(UnsafeBufferPointer(rebasing: arena.elements[tensor.range]))
      }
    }
    try losses.withUnsafeBufferPointer { losses throws(ComputeError) in try writer.append(losses) }
    try writer.finish()
  }

  /// Reads a file, checking every field, and the state's root at the end.
  ///
  /// - Throws: `ComputeError.fileUnreadable`, `malformedFile`, `outOfMemory`.
  static func read(
    from url: URL, device: Device?
  ) throws(ComputeError) -> (checkpoint: TrainingCheckpoint, state: TrainingState) {
    try read(SafetensorsFile(contentsOf: url), device: device)
  }

  /// Reads a file that is open.
  public static func read(
    _ file: SafetensorsFile, device: Device?
  ) throws(ComputeError) -> (checkpoint: TrainingCheckpoint, state: TrainingState) {
    let path = file.url.path
    func field(_ key: String, _ allowed: String) throws(ComputeError) -> String {
      guard let text = file.metadata[key] else {
        throw .malformedFile(path: path, what: "\(key) in __metadata__", found: "missing", allowed: allowed)
      }
      return text
    }
    func bytes(_ key: String) throws(ComputeError) -> [UInt8] {
      let text = try field(key, "64 hexadecimal digits")
      guard let bytes = HexText.decode(text), bytes.count == 32 else {
        throw .malformedFile(
          path: path, what: "\(key) in __metadata__", found: "\(text.prefix(80))",
          allowed: "64 hexadecimal digits")
      }
      return bytes
    }
    let format = try field("format", "\"\(Self.format)\"")
    guard format == Self.format else {
      throw .malformedFile(
        path: path, what: "format in __metadata__", found: "\"\(format.prefix(80))\"",
        allowed: "\"\(Self.format)\"")
    }
    let settings = try field("settings", "a JSON object")
    let (root, checksum) = (try bytes("stateRoot"), try bytes("checksum"))
    var (checkpoint, steps) = try decode(settings: settings, path: path)
    // The file's own length bounds what is reserved for it.
    let layout = ParameterLayout(checkpoint.configuration)
    let expected = (Self.parts.count * layout.count + steps) * MemoryLayout<Float>.stride
    let found = file.tensors.reduce(0) { $0 + $1.byteRange.count }
    guard found == expected else {
      throw .malformedFile(
        path: path, what: "length of all tensors", found: "\(found) bytes",
        allowed: "\(expected) bytes by the settings")
    }
    let state = try TrainingState(configuration: checkpoint.configuration, device: device)
    state.step = UInt64(steps)
    var losses = [Float](repeating: 0, count: steps)
    let entries = Dictionary(file.tensors.map { ($0.name, $0) }) { first, _ in first }
    func read(
      _ name: String, _ shape: [Int], _ target: UnsafeMutableBufferPointer<Float>
    ) throws(ComputeError) {
      guard let entry = entries[name], entry.type == SafetensorsFile.FloatType.binary32.rawValue else {
        throw .malformedFile(
          path: path, what: "tensor \(name)", found: entries[name]?.type ?? "missing", allowed: "F32")
      }
      try file.read(entry, shape: shape, into: target)
    }
    for (part, arena) in zip(Self.parts, state.arenas) {
      for tensor in layout.tensors {
        try read("\(part)/\(tensor.name)", tensor.shape, .init(rebasing: arena.elements[tensor.range]))
      }
    }
    try losses.withUnsafeMutableBufferPointer { losses throws(ComputeError) in
      try read("losses", [steps], losses)
    }
    checkpoint.losses = losses
    guard Self.checksum(settings: settings, losses: losses, root: root) == checksum,
      state.root(on: device) == root
    else {
      throw .malformedFile(
        path: path, what: "checksum", found: "that of other content", allowed: "that of what the file holds")
    }
    return (checkpoint, state)
  }

  /// SHA-256(settings ‖ losses, binary32 little-endian ‖ state root).
  static func checksum(settings: String, losses: [Float], root: [UInt8]) -> [UInt8] {
    let words = losses.map(\.bitPattern.littleEndian)
    return StateTree.digest { update in
      Array(settings.utf8).withUnsafeBytes(update)
      words.withUnsafeBytes(update)
      root.withUnsafeBytes(update)
    }
  }
}
