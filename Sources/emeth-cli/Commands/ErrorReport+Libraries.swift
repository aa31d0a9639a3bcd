import EmethCompute
import EmethKit
import EmethNetwork

extension ErrorReport {
  /// How an error of the libraries is told, or nil when it comes from elsewhere.
  init?(ofLibraryError error: any Error) {
    switch error {
    case let error as ComputeError:
      self.init(
        exitCode: error.exitCode, code: error.code, message: error.message, hint: error.hint)
    case let error as NetworkError:
      self.init(exitCode: error.exitCode, code: error.code, message: error.message, hint: error.hint)
    case let error as any EmethError:
      let isFaultOfLibrary =
        if case .libraryFailure = error as? CryptoError { true } else { false }
      self.init(
        exitCode: isFaultOfLibrary ? .unavailable : .badInput, code: error.code, message: error.message,
        hint: error.hint)
    default:
      return nil
    }
  }
}

extension ComputeError {
  /// Bad data, or something of this machine that is not available.
  fileprivate var exitCode: ExitCode {
    switch self {
    case .invalidConfiguration, .invalidInput, .notFinite, .malformedFile: .badInput
    case .unsupportedInstructionSet, .fileUnreadable, .fileUnwritable, .outOfMemory, .threadsUnavailable:
      .unavailable
    }
  }
}

extension NetworkError {
  /// Bad data, something of this machine that is not available, records that contradict each other, or a job
  /// of which the answer is no.
  fileprivate var exitCode: ExitCode {
    switch self {
    case .fileFailed, .folderInUse, .database: .unavailable
    case .compute(let error): error.exitCode
    case .interrupted: .interrupted
    case .inconsistent: .internalError
    case .jobEnded: .no
    case .badDataSet, .badSetting, .otherVersion, .otherRun, .corruptObject, .missingObject, .unknownJob,
      .insufficientBalance, .malformed, .refused:
      .badInput
    }
  }
}
