import Foundation

/// Machine code that was compiled before, a file for each program, architecture and compiler, in the user's cache
/// folder. A file that is not whole is compiled anew; a folder that can't be written costs time alone.
struct CUDAKernelCache: Sendable {
  /// Where the files lie; nil for no cache.
  let folder: URL?

  /// The folder emeth/kernels in the one of XDG_CACHE_HOME, or in the user's .cache.
  init(environment: [String: String] = ProcessInfo.processInfo.environment) {
    let parent =
      if let named = environment["XDG_CACHE_HOME"], named.hasPrefix("/") {
        URL(fileURLWithPath: named, isDirectory: true)
      } else if let home = environment["HOME"], home.hasPrefix("/") {
        URL(fileURLWithPath: home, isDirectory: true).appendingPathComponent(".cache", isDirectory: true)
      } else {
        URL?.none
      }
    self.init(folder: parent?.appendingPathComponent("emeth/kernels", isDirectory: true))
  }

  init(folder: URL?) { self.folder = folder }

  private static let magic = Array("EMETHGPU".utf8)
  private static let digestCount = 32
  /// More than any program's machine code.
  private static let byteLimit = 64 << 20

  /// What names the machine code of a program: all that it follows from.
  static func key(
    of program: CUDAProgram, for architecture: CUDAArchitecture, compiler: CUDALibrary.Version
  ) throws(ComputeError) -> String {
    let words = ["NVRTC \(compiler)"] + CUDACompiler.options(for: architecture)
    return HexText.encode(
      try ContentHash.sha256(Array(words.joined(separator: "\n").utf8) + [0] + program.identity))
  }

  /// What is kept under the key; nil for nothing, or for a file that is not as it was written.
  func code(_ key: String) -> CUDACode? {
    guard let folder, let bytes = try? WholeFile.read(file(key, in: folder), byteLimit: Self.byteLimit) else {
      return nil
    }
    let head = Self.magic.count + Self.digestCount
    guard bytes.count >= head + 8, bytes.starts(with: Self.magic) else { return nil }
    let body = Array(bytes[head...])
    guard let digest = try? ContentHash.sha256(body), digest.elementsEqual(bytes[Self.magic.count..<head])
    else {
      return nil
    }
    let count = body.prefix(8).reversed().reduce(0) { $0 << 8 | UInt64($1) }
    guard count <= UInt64(body.count - 8) else { return nil }
    let end = 8 + Int(count)
    return CUDACode(bytes: Array(body[8..<end]), log: String(decoding: body[end...], as: UTF8.self))
  }

  /// Keeps code under the key. Nothing happens where that can't be.
  func keep(_ code: CUDACode, _ key: String) {
    guard let folder else { return }
    let count = UInt64(code.bytes.count)
    let body =
      (0..<8).map { UInt8(truncatingIfNeeded: count >> (8 * $0)) } + code.bytes + Array(code.log.utf8)
    guard let digest = try? ContentHash.sha256(body) else { return }
    // Machine code is run: nobody else writes here.
    try? FileManager.default.createDirectory(
      at: folder, withIntermediateDirectories: true, attributes: [.posixPermissions: 0o700])
    try? WholeFile.write(Self.magic + digest + body, to: file(key, in: folder))
  }

  private func file(_ key: String, in folder: URL) -> URL { folder.appendingPathComponent(key + ".kernels") }
}
