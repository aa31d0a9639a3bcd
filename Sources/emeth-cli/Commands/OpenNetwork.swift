import EmethCompute
import EmethKit
import EmethNetwork
import Foundation

/// Opens the network that `--network` names, or the user's own.
///
/// - Parameter mayMake: whether a network that is not there is made; otherwise it is refused, so that a
///   mistyped name leaves nothing behind.
func openNetwork(
  _ parsed: ParsedCommand, _ context: CommandContext, settings: NetworkSettings? = nil, mayMake: Bool = false
) throws -> LocalNetwork {
  let folder = try networkFolder(parsed, context)
  guard mayMake || FileManager.default.fileExists(atPath: folder.appending(path: "network.sqlite").path)
  else {
    throw CommandFailure(
      .unavailable, code: "network.missing", "no network in \(folder.path): found no jobs there",
      hint: "`emeth submit-job --network FOLDER` makes one", details: ["path": folder.path])
  }
  try FolderPath.refuseUnusable(folder.path)
  return try inNetwork(folder) { try LocalNetwork(folder: folder, settings: settings) }
}

/// The folder of `--network`, or `emeth/network` in the user's data folder.
private func networkFolder(_ parsed: ParsedCommand, _ context: CommandContext) throws -> URL {
  if let path = parsed[NetworkOptions.network] { return URL(filePath: path) }
  if let data = context.environment["XDG_DATA_HOME"], data.hasPrefix("/") {
    return URL(filePath: data).appending(path: "emeth/network")
  }
  guard let home = context.environment["HOME"], !home.isEmpty else {
    throw CommandFailure(
      .unavailable, code: "network.noHome", "no network folder: neither XDG_DATA_HOME nor HOME is set",
      hint: "name one with --network FOLDER", details: [:])
  }
  return URL(filePath: home).appending(path: ".local/share/emeth/network")
}

/// Runs `body`; an error that names no file is told with the network's folder.
func inNetwork<Result>(_ folder: URL, _ body: () throws -> Result) throws -> Result {
  do { return try body() } catch let error as NetworkError { throw error.naming(folder) }
}

extension NetworkError {
  /// The error itself, or the same with the folder where its own words name none.
  func naming(_ folder: URL) -> any Error {
    switch self {
    case .database, .corruptObject, .missingObject, .inconsistent:
      var report = ErrorReport(describing: self)
      report.message = "network folder \(folder.path): \(report.message)"
      report.details["path"] = folder.path
      return CommandFailure(report)
    default: return self
    }
  }
}

extension LocalNetwork {
  /// The one job that a reference names.
  func find(_ reference: JobReference) throws -> JobID {
    try reference.only(of: jobs().map(\.jobId), in: "in the network in \(folder.path)")
  }
}

extension JobReference {
  /// The one of these jobs that is meant; refused are none and more than one.
  ///
  /// - Parameter place: where they are, as it stands behind "no job".
  func only(of jobs: [JobID], in place: String) throws(CommandFailure) -> JobID {
    let found = jobs.filter(matches)
    if found.count == 1 { return found[0] }
    guard !found.isEmpty else {
      throw CommandFailure(
        .badInput, code: "job.unknown", "no job \(self) \(place)",
        hint: "`emeth list-jobs` shows those that are there", details: ["found": "\(self)"])
    }
    throw CommandFailure(
      .badInput, code: "job.ambiguous",
      "\(self) names \(found.count) jobs: \(found.map { "\($0)" }.joined(separator: ", "))",
      hint: "give more digits", details: ["found": "\(found.count)", "allowed": "1"])
  }
}
