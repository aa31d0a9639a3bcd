import EmethKit
import Foundation

/// The folder that a split leaves: the manifest, the parts, and the secret that proves them.
struct SplitFolder: Sendable {
  let path: String

  init(_ path: String) {
    self.path = path.count > 1 && path.hasSuffix("/") ? String(path.dropLast()) : path
  }

  static let manifestName = "manifest.json"
  static let secretName = "split.secret"

  var manifestPath: String { "\(path)/\(Self.manifestName)" }
  var secretPath: String { "\(path)/\(Self.secretName)" }

  func path(of file: SplitManifest.File) -> String { "\(path)/\(file.name)" }

  func secretPath(of part: UInt32, in manifest: SplitManifest) -> String {
    "\(path)/\(SplitManifest.secretName(part: part, of: UInt32(manifest.plan.parts.count)))"
  }

  /// The manifest, read strictly; nil when the folder has none or one that is not a split's.
  func manifest() throws -> SplitManifest? {
    guard Self.exists(manifestPath) else { return nil }
    let file = InputFile(manifestPath)
    let (value, text) = try JSONInput.parse(file)
    guard value["format"] == .string(SplitManifest.format) else { return nil }
    return try JSONInput.decode(SplitManifest.self, from: text, of: file)
  }

  /// Which of the parts have their file here.
  func presentParts(of manifest: SplitManifest) -> [UInt32] {
    manifest.plan.parts.map(\.index).filter { Self.exists(path(of: manifest.files[Int($0)])) }
  }

  /// The secret of a part: its own file's, or what follows from the split's; nil when neither is here.
  func partSecret(_ part: UInt32, in manifest: SplitManifest) throws -> Bytes32? {
    if Self.exists(secretPath) {
      return SplitSecret(try SplitSecretFile(secretPath).load(isShared: true)).partSecret(part)
    }
    let own = secretPath(of: part, in: manifest)
    return Self.exists(own) ? try SplitSecretFile(own).load(isShared: true) : nil
  }

  /// Writes a section of a part into the part's file.
  func write(_ section: RecordSection, _ bytes: UnsafeRawBufferPointer, to name: String) throws(FileError) {
    let path = "\(path)/\(name)"
    let descriptor = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0o666)
    guard descriptor >= 0 else { throw FileError(errno: errno, path: path, doing: .create) }
    defer { close(descriptor) }
    try FileBytes.write(bytes, to: descriptor, at: section.offsetInPart, path: path)
  }

  private static func exists(_ path: String) -> Bool {
    var status = stat()
    return stat(path, &status) == 0
  }
}
