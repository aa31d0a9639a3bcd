import EmethKit
import Foundation

/// An external module: a folder with `module.json` and the files that it names, each as its hash says.
///
/// ```swift
/// let module = try ProgramModule(folder: URL(filePath: "wordcount"))
/// let output = try ModuleSandbox(for: [module]).run(module, part: part, job: id)
/// ```
public struct ProgramModule: Sendable, Hashable {
  /// Where it lies.
  public let folder: URL
  /// What it says of itself.
  public let manifest: ModuleManifest
  /// What runs it where it names an image: `podman`, `docker`, or the path of one of them.
  public var containerEngine: String?

  /// The most bytes of all files of a module.
  static let byteLimit = 1 << 30

  /// Reads a module and checks all its files.
  public init(folder: URL, containerEngine: String? = nil) throws(NetworkError) {
    self.folder = folder
    self.containerEngine = containerEngine
    let file = folder.appending(path: ModuleManifest.fileName)
    manifest = try ModuleManifest(
      json: String(decoding: Files.read(file), as: UTF8.self), named: file.path)
    try forEachFile { _, _ in }
  }

  /// Copies the files, checked once more: what runs is what the job names, whatever happens to the folder.
  func copy(to target: URL) throws(NetworkError) {
    try Files.makeFolder(target)
    try forEachFile { path, bytes throws(NetworkError) in
      let file = target.appending(path: path)
      try Files.makeFolder(file.deletingLastPathComponent())
      try Files.write(bytes, to: file, durable: false, mode: 0o755)
    }
  }

  private func forEachFile(
    _ body: (String, Data) throws(NetworkError) -> Void
  ) throws(NetworkError) {
    var room = Self.byteLimit
    for (path, wanted) in manifest.files.sorted(by: { $0.key < $1.key }) {
      let file = folder.appending(path: path)
      let bytes = try Files.read(file)
      room -= bytes.count
      guard room >= 0 else {
        throw .badSetting(
          name: "module \(folder.path)", found: "more", allowed: "\(Self.byteLimit) bytes in all files")
      }
      let found = bytes.withUnsafeBytes { SHA256.hash($0) }
      guard found == wanted else {
        throw .badSetting(
          name: "module file \(file.path)", found: "SHA-256 \(found)",
          allowed: "\(wanted), as \(ModuleManifest.fileName) says")
      }
      try body(path, bytes)
    }
  }
}
