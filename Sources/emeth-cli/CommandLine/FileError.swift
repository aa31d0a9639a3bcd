import Foundation

/// What went wrong with a file or folder named by the user.
enum FileError: Error, Equatable, Sendable {
  enum Action: String, Sendable {
    case read, write, create
  }

  case notFound(path: String)
  case isFolder(path: String)
  case isNotFolder(path: String)
  case alreadyExists(path: String)
  case folderNotEmpty(path: String)
  case noPermission(path: String, action: Action)
  case noSpace(path: String)
  case readOnly(path: String)
  case empty(path: String)
  case tooLarge(path: String, allowedBytes: Int)
  case notText(path: String, byteOffset: Int)
  case failed(path: String, action: Action, reason: String)

  /// The error behind a failed system call.
  init(errno number: Int32, path: String, doing action: Action) {
    switch number {
    case ENOENT: self = .notFound(path: path)
    case EISDIR: self = .isFolder(path: path)
    case ENOTDIR: self = .isNotFolder(path: path)
    case EEXIST: self = .alreadyExists(path: path)
    case ENOTEMPTY: self = .folderNotEmpty(path: path)
    case EACCES, EPERM: self = .noPermission(path: path, action: action)
    case ENOSPC, EDQUOT: self = .noSpace(path: path)
    case EROFS: self = .readOnly(path: path)
    default: self = .failed(path: path, action: action, reason: String(cString: strerror(number)))
    }
  }

  /// A stable name for programs.
  var code: String {
    switch self {
    case .notFound: "file.notFound"
    case .isFolder: "file.isFolder"
    case .isNotFolder: "file.isNotFolder"
    case .alreadyExists: "file.alreadyExists"
    case .folderNotEmpty: "file.folderNotEmpty"
    case .noPermission: "file.noPermission"
    case .noSpace: "file.noSpace"
    case .readOnly: "file.readOnly"
    case .empty: "file.empty"
    case .tooLarge: "file.tooLarge"
    case .notText: "file.notText"
    case .failed: "file.failed"
    }
  }

  /// What, where, what is found and what is allowed, in one line.
  var message: String {
    switch self {
    case .notFound(let path): "no such file or folder: \(path)"
    case .isFolder(let path): "\(path) is a folder, expected a file"
    case .isNotFolder(let path): "\(path) is not a folder, or lies below something that is not one"
    case .alreadyExists(let path): "\(path) exists already and is never written over"
    case .folderNotEmpty(let path): "folder \(path) is not empty"
    case .noPermission(let path, let action): "no permission to \(action.rawValue) \(path)"
    case .noSpace(let path): "no space left to write \(path)"
    case .readOnly(let path): "\(path) lies on a read-only file system"
    case .empty(let path): "\(path) is empty"
    case .tooLarge(let path, let allowed): "\(path) is too large: allowed at most \(allowed) bytes"
    case .notText(let path, let offset): "\(path) is not UTF-8 text: first wrong byte at offset \(offset)"
    case .failed(let path, let action, let reason):
      "can't \(action.rawValue) \(path): \(reason.lowercased())"
    }
  }

  /// What to do about it.
  var hint: String? {
    switch self {
    case .alreadyExists, .folderNotEmpty: "choose another name, or remove it first"
    case .noSpace: "free some space and run it again: no half file is left"
    case .noPermission(_, .write), .noPermission(_, .create), .readOnly:
      "choose a folder that you may write to"
    case .notText: "convert it first, for example with iconv -t UTF-8"
    default: nil
    }
  }
}

extension FileError: ReportableError {
  var report: ErrorReport {
    let exitCode: ExitCode =
      switch self {
      case .isFolder, .isNotFolder, .empty, .tooLarge, .notText: .badInput
      case .notFound, .alreadyExists, .folderNotEmpty, .noPermission, .noSpace, .readOnly, .failed:
        .unavailable
      }
    return ErrorReport(exitCode: exitCode, code: code, message: message, hint: hint)
  }
}
