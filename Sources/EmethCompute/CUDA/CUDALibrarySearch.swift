import Foundation

/// Where NVIDIA's libraries are looked for: the file that was named, and nothing else then; else the folder of
/// EMETH_CUDA_PATH, the system's libraries, CUDA toolkits, Python's packages.
///
/// ```swift
/// let places = CUDALibrarySearch().places(of: .compiler)
/// ```
public struct CUDALibrarySearch: Sendable {
  /// Libraries that somebody named.
  public var explicit: [CUDALibrary: String]
  /// The environment, of which EMETH_CUDA_PATH, CUDA_HOME, CUDA_PATH, VIRTUAL_ENV, CONDA_PREFIX and HOME count.
  public var environment: [String: String]
  /// What stands before the folders of the system.
  var root: String

  /// The search by this process's environment.
  public init(
    explicit: [CUDALibrary: String] = [:], environment: [String: String] = ProcessInfo.processInfo.environment
  ) {
    self.init(explicit: explicit, environment: environment, root: "")
  }

  init(explicit: [CUDALibrary: String], environment: [String: String], root: String) {
    self.explicit = explicit
    self.environment = environment
    self.root = root
  }

  /// The places, the first to try first. Files that don't exist are left out, unless they were named.
  public func places(of library: CUDALibrary) -> [CUDALibrary.Place] {
    if let path = explicit[library] { return [.init(path: path, origin: .explicit)] }
    var places: [CUDALibrary.Place] = []
    func add(_ folders: [String], _ origin: CUDALibrary.Place.Origin) {
      // Newer versions first, wherever they lie.
      for name in library.fileNames {
        for folder in folders {
          let path = folder + "/" + name
          guard FileManager.default.fileExists(atPath: path), !places.contains(where: { $0.path == path })
          else {
            continue
          }
          places.append(.init(path: path, origin: origin))
        }
      }
    }
    if let folder = named("EMETH_CUDA_PATH") { add(Self.libraryFolders(of: folder), .environment) }
    places += library.fileNames.map { .init(path: $0, origin: .system) }
    if library == .driver {
      add([root + "/usr/lib/wsl/lib"], .system)
      return places
    }
    let toolkits = [named("CUDA_HOME"), named("CUDA_PATH")].compactMap(\.self) + installedToolkits
    add(toolkits.flatMap(Self.libraryFolders), .toolkit)
    add(pythonFolders.flatMap { python in library.packageFolders.map { python + "/" + $0 } }, .wheel)
    return places
  }

  private func named(_ variable: String) -> String? {
    guard let text = environment[variable], !text.isEmpty else { return nil }
    return text
  }

  /// The folder itself and where a toolkit has its libraries.
  private static func libraryFolders(of folder: String) -> [String] {
    [folder]
      + ["lib64", "lib", "targets/x86_64-linux/lib", "targets/sbsa-linux/lib"].map { folder + "/" + $0 }
  }

  /// Of several the newest first: /usr/local/cuda is what the administrator chose.
  private var installedToolkits: [String] {
    Self.folders(in: root + "/usr/local") { $0 == "cuda" || $0.hasPrefix("cuda-") }
      .sorted { Self.versionOrder($0) > Self.versionOrder($1) }
  }

  private static func versionOrder(_ folder: String) -> (Int, Int) {
    guard let dash = folder.lastIndex(of: "-") else { return (.max, 0) }
    let numbers = folder[folder.index(after: dash)...].split(separator: ".").map { Int($0) ?? 0 }
    return (numbers.first ?? 0, numbers.dropFirst().first ?? 0)
  }

  /// Where Python keeps its packages: an active environment's, then the user's, then the system's.
  private var pythonFolders: [String] {
    var places: [(prefix: String, kinds: [String])] = []
    for variable in ["VIRTUAL_ENV", "CONDA_PREFIX"] {
      if let prefix = named(variable) { places.append((prefix, ["site-packages"])) }
    }
    if let home = named("HOME") { places.append((home + "/.local", ["site-packages"])) }
    places.append((root + "/usr/local", ["dist-packages", "site-packages"]))
    places.append((root + "/usr", ["dist-packages", "site-packages"]))
    return places.flatMap { prefix, kinds in
      Self.folders(in: prefix + "/lib") { $0.hasPrefix("python3") }.sorted(by: >)
        .flatMap { python in kinds.map { python + "/" + $0 } }
    }
  }

  private static func folders(in parent: String, where isWanted: (String) -> Bool) -> [String] {
    let names = (try? FileManager.default.contentsOfDirectory(atPath: parent)) ?? []
    return names.filter(isWanted).map { parent + "/" + $0 }
  }
}
