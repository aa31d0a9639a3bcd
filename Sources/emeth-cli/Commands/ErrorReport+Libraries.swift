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
    case let error as ChainError:
      self.init(exitCode: error.exitCode, code: error.code, message: error.message, hint: error.hint)
    case let error as SealingError:
      self.init(exitCode: error.exitCode, code: error.code, message: error.message, hint: error.hint)
    case let error as any EmethError:
      self.init(
        exitCode: (error as? CryptoError)?.exitCode ?? .badInput, code: error.code, message: error.message,
        hint: error.hint)
    default:
      return nil
    }
  }
}

extension CryptoError {
  /// Bad data, but for a password, of which the answer is no, and a library without memory.
  fileprivate var exitCode: ExitCode {
    switch self {
    case .keystorePassword: .no
    case .libraryFailure: .unavailable
    default: .badInput
    }
  }
}

extension SealingError {
  /// The answer no, bad data, or an OpenSSL that can't do it.
  fileprivate var exitCode: ExitCode {
    if case .library = self { return .unavailable }
    return isRefusal ? .no : .badInput
  }
}

extension ComputeError {
  /// Bad data, or something of this machine that is not available.
  fileprivate var exitCode: ExitCode {
    switch self {
    case .invalidConfiguration, .invalidInput, .shapeMismatch, .notFinite, .malformedFile, .resumeMismatch:
      .badInput
    case .unsupportedInstructionSet, .fileUnreadable, .fileUnwritable, .outOfMemory, .insufficientMemory,
      .checkpointExists, .checkpointMissing, .checkpointInUse, .threadsUnavailable, .libraryUnavailable,
      .deviceUnavailable, .kernelsNotCompiled, .deviceFailed:
      .unavailable
    }
  }
}

extension NetworkError {
  /// Bad data, something of this machine that is not available, records that contradict each other, or a job
  /// of which the answer is no.
  fileprivate var exitCode: ExitCode {
    switch self {
    case .fileFailed, .folderInUse, .database, .databaseFailed, .unreachable, .serverFailed, .storageFailed,
      .sandboxFailed, .moduleCutShort:
      .unavailable
    case .compute(let error): error.exitCode
    case .interrupted: .interrupted
    case .inconsistent: .internalError
    case .jobEnded: .no
    case .badDataSet, .badSetting, .otherVersion, .unfinishedWork, .otherRun, .corruptObject, .missingObject,
      .unknownJob, .insufficientBalance, .malformed, .moduleFailed, .refused:
      .badInput
    }
  }
}

extension ChainError {
  /// A contract or an account of which the answer is no, a node that is not available, or bad data.
  fileprivate var exitCode: ExitCode {
    switch self {
    case .badEndpoint: .usage
    case .reverted, .outOfGas, .insufficientFunds, .insufficientTokens, .feeTooHigh, .nonceTaken,
      .sentBefore, .otherSigner, .signerNotStarted, .signerSet, .frozen, .epochsLost,
      .batchRefused, .noVerifier:
      .no
    case .unreachable, .rateLimited, .refused, .pruned, .malformed, .contradiction, .unconfirmed,
      .reorganisedTooDeep, .missingDeposit, .creditUndone, .signerDisputed, .signaturesMissing, .clocksApart:
      .unavailable
    case .store(let error): error.exitCode
    case .wrongChain, .noContract, .wrongContract, .unnamedSettlement, .contract, .ticket, .keyInUse:
      .badInput
    case .interrupted: .interrupted
    }
  }
}
