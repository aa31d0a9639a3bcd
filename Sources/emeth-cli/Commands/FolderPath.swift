import Foundation

/// Looks at a folder to be made or opened, before any work is done for it.
enum FolderPath {
  /// Whether a folder lies there, or a file; refuses a path where nothing is.
  static func isFolder(_ path: String) throws(FileError) -> Bool {
    var isFolder: ObjCBool = false
    guard FileManager.default.fileExists(atPath: path, isDirectory: &isFolder) else {
      throw .notFound(path: path)
    }
    return isFolder.boolValue
  }

  /// Refuses a path on which no folder can lie: through a file, or below a folder that can't be written to.
  static func refuseUnusable(_ path: String) throws(FileError) {
    var place = URL(filePath: path).absoluteURL.standardizedFileURL
    var status = stat()
    while stat(place.path, &status) != 0 {
      guard errno == ENOENT || errno == ENOTDIR, place.path != "/" else {
        throw FileError(errno: errno, path: path, doing: .create)
      }
      place = place.deletingLastPathComponent()
    }
    guard status.st_mode & S_IFMT == S_IFDIR else { throw .isNotFolder(path: path) }
    guard access(place.path, W_OK | X_OK) == 0 else {
      let isThere = place.path == URL(filePath: path).absoluteURL.standardizedFileURL.path
      throw FileError(errno: errno, path: path, doing: isThere ? .write : .create)
    }
  }
}
