import EmethCompute
import EmethKit

/// What can go wrong in the network's roles: bad input, a folder or database that cannot be used, or a
/// rule of the protocol that was broken.
public enum NetworkError: EmethError, Equatable {
  /// A data set that cannot be used: `what` is wrong with the file at `path`.
  case badDataSet(path: String, what: String, found: String, allowed: String)
  /// A setting outside its limits.
  case badSetting(name: String, found: String, allowed: String)
  /// A file or folder that cannot be read or written.
  case fileFailed(path: String, operation: String, reason: String)
  /// The folder holds a network of another layout.
  case otherVersion(path: String, found: Int, supported: Int)
  /// The folder holds a job that a program with another layout began.
  case unfinishedWork(path: String, layout: Int, supported: Int)
  /// Another process works on the folder.
  case folderInUse(path: String, holder: String)
  /// The folder holds another run, or the same one with other settings.
  case otherRun(path: String, what: String, found: String, wanted: String)
  /// Stored bytes that do not have the hash they are stored under.
  case corruptObject(hash: Bytes32, found: Bytes32)
  /// A stored object that is not there.
  case missingObject(hash: Bytes32)
  /// A record that the database should hold but does not, or that contradicts another.
  case inconsistent(what: String)
  /// The database refused a statement.
  case database(reason: String)
  /// A database can't be used as things stand.
  case databaseFailed(DatabaseFault)
  /// No such job.
  case unknownJob(id: String)
  /// An account that cannot pay.
  case insufficientBalance(account: Address, found: TokenAmount, needed: TokenAmount)
  /// Bytes from another party that do not have the form they must have.
  case malformed(what: String, reason: String)
  /// A job that ended without a result.
  case jobEnded(id: JobID, status: JobStatus, reason: String)
  /// A server that can't be reached, or a connection that broke.
  case unreachable(server: String, reason: String)
  /// A server that could not do its part; the status is HTTP's.
  case serverFailed(server: String, status: Int, code: String, message: String)
  /// A store of objects elsewhere that refuses what this machine asks of it: code is one of `storage.noBucket`,
  /// `storage.denied`, `storage.clockSkew`, `storage.full` and `storage.failed`.
  case storageFailed(code: String, place: String, reason: String)
  /// A rule of the protocol refused an event.
  case refused(code: String, message: String, hint: String?)
  /// Training, evaluation or a model file failed.
  case compute(ComputeError)
  /// Modules can't be run here: their sandbox can't be had.
  case sandboxFailed(reason: String)
  /// A program ended without a result.
  case moduleFailed(program: String, reason: String)
  /// A program did not get to its end on this machine: nobody is judged by it.
  /// `isLimit`: it ran into its own limit of time, as it may elsewhere too.
  case moduleCutShort(program: String, reason: String, isLimit: Bool = false)
  /// The user or the system asked to stop; everything finished so far is kept.
  case interrupted

  /// The stable name of the error.
  public var code: String {
    switch self {
    case .badDataSet: "dataSet.invalid"
    case .badSetting: "setting.invalid"
    case .fileFailed: "file.failed"
    case .otherVersion: "network.otherVersion"
    case .unfinishedWork: "network.unfinishedWork"
    case .folderInUse: "network.inUse"
    case .otherRun: "network.otherRun"
    case .corruptObject: "storage.corrupt"
    case .missingObject: "storage.missing"
    case .inconsistent: "network.inconsistent"
    case .database: "database.failed"
    case .databaseFailed(let fault): "database.\(fault.kind.rawValue)"
    case .unknownJob: "job.unknown"
    case .insufficientBalance: "ledger.insufficient"
    case .malformed: "wire.malformed"
    case .jobEnded: "job.ended"
    case .unreachable: "server.unreachable"
    case .serverFailed(_, _, let code, _): code
    case .storageFailed(let code, _, _): code
    case .refused(let code, _, _): code
    case .compute(let error): error.code
    case .sandboxFailed: "sandbox.unavailable"
    case .moduleFailed: "module.failed"
    case .moduleCutShort: "module.cutShort"
    case .interrupted: "interrupted"
    }
  }

  /// One sentence: what, where, the value found, what is allowed.
  public var message: String {
    switch self {
    case .badDataSet(let path, let what, let found, let allowed):
      "data set \(path): \(what): found \(found), allowed \(allowed)"
    case .badSetting(let name, let found, let allowed):
      "\(name): found \(found), allowed \(allowed)"
    case .fileFailed(let path, let operation, let reason):
      "cannot \(operation) \(path): \(reason)"
    case .otherVersion(let path, let found, let supported):
      "network folder \(path) has layout \(found), this program works with layout \(supported)"
    case .unfinishedWork(let path, let layout, let supported):
      "network folder \(path) has an unfinished job of layout \(layout), this program works with layout \(supported)"
    case .folderInUse(let path, let holder):
      "network folder \(path) is in use by \(holder)"
    case .otherRun(let path, let what, let found, let wanted):
      "folder \(path) holds another run: \(what) is \(found), wanted \(wanted)"
    case .corruptObject(let hash, let found):
      "stored object \(hash) is damaged: its bytes have hash \(found)"
    case .missingObject(let hash):
      "stored object \(hash) is missing"
    case .inconsistent(let what):
      "the network's records contradict each other: \(what)"
    case .database(let reason):
      "database: \(reason)"
    case .databaseFailed(let fault): fault.message
    case .unknownJob(let id):
      "no job \(id) in this network"
    case .insufficientBalance(let account, let found, let needed):
      "account \(account) has \(found) to spend, needs \(needed)"
    case .malformed(let what, let reason):
      "\(what): \(reason)"
    case .jobEnded(let id, let status, let reason):
      "job \(id) ended as \(status.name): \(reason)"
    case .unreachable(let server, let reason):
      "can't reach \(server): \(reason)"
    case .serverFailed(let server, let status, _, let message):
      "\(server) answered \(status): \(message)"
    case .storageFailed(_, let place, let reason): "storage \(place): can't \(reason)"
    case .refused(_, let message, _): message
    case .compute(let error): error.message
    case .sandboxFailed(let reason): "external programs can't be run on this machine: \(reason)"
    case .moduleFailed(let program, let reason): "program \(program): \(reason)"
    case .moduleCutShort(let program, let reason, _):
      "program \(program) did not get to its end on this machine: \(reason)"
    case .interrupted: "interrupted"
    }
  }

  /// What the user can do about it.
  public var hint: String? {
    switch self {
    case .folderInUse: "wait until it ends, name another folder, or ask the server that has it with --server"
    case .otherRun:
      "name another folder with --out, or repeat the command with the settings it was begun with"
    case .unfinishedWork: "finish it with the version of emeth that began it, or name another folder"
    case .otherVersion: "use the version of emeth that made it, or name another folder"
    case .corruptObject, .missingObject: "the folder was changed from outside; begin again in another folder"
    case .interrupted: "repeat the same command to go on where it stopped"
    case .unreachable: "is the server running, and is this its URL? the same command can be repeated"
    case .serverFailed: "the server's log says more; the same command can be repeated"
    case .storageFailed(let code, _, _): Self.storageHint(code)
    case .refused(_, _, let hint): hint
    case .databaseFailed(let fault): fault.hint
    case .compute(let error): error.hint
    case .sandboxFailed: "apt-get install bubblewrap util-linux; user namespaces must be allowed"
    case .moduleCutShort:
      "is the machine too busy, or its disk full? repeat the command, or give the module wider limits"
    default: nil
    }
  }
}

extension NetworkError {
  private static func storageHint(_ code: String) -> String? {
    switch code {
    case "storage.noBucket": "make the bucket, or name another with --storage"
    case "storage.denied":
      "are these the right keys, and may they read, write, list and delete in the bucket?"
    case "storage.clockSkew": "set this machine's clock: requests are signed for the time of day"
    case "storage.full": "make room in the store, or raise its quota"
    default: nil
    }
  }

  /// Any error of the layers below, as this layer reports it.
  init(_ error: any Error) {
    switch error {
    case let error as NetworkError: self = error
    case let error as ComputeError: self = .compute(error)
    case let error as any EmethError:
      self = .refused(code: error.code, message: error.message, hint: error.hint)
    case is CancellationError: self = .interrupted
    default: self = .database(reason: "\(error)")
    }
  }
}

/// Runs `body` and reports whatever it throws as a ``NetworkError``.
func asNetworkError<Result>(_ body: () throws -> Result) throws(NetworkError) -> Result {
  do { return try body() } catch { throw NetworkError(error) }
}

extension NetworkError {
  /// Whether it says that an object is not there or is not what it is called: the doing of whoever should have
  /// delivered it. Every other error is this machine's own, and nobody is judged by it.
  private var isOfDelivery: Bool {
    switch self {
    case .missingObject, .corruptObject, .malformed, .refused: true
    default: false
    }
  }

  /// What another party delivered; `nil` when it is not there or is not what it is called.
  static func delivered<Value>(
    _ body: () throws(NetworkError) -> Value
  ) throws(NetworkError) -> Value? {
    do throws(NetworkError) {
      return try body()
    } catch {
      if error.isOfDelivery { return nil }
      throw error
    }
  }
}
