import Foundation
import Testing

@testable import EmethCompute

/// Both compilers that the tests install, and folders to try things in.
enum CUDATestTools {
  /// NVRTC 12 and 13 of the Python that EMETH_PYTHON names; nil where it has them not.
  static let compilers: [Int: String] = {
    guard let python = ProcessInfo.processInfo.environment["EMETH_PYTHON"] else { return [:] }
    let lib = URL(fileURLWithPath: python).deletingLastPathComponent().deletingLastPathComponent()
      .appendingPathComponent("lib").path
    var found: [Int: String] = [:]
    for folder in (try? FileManager.default.contentsOfDirectory(atPath: lib)) ?? []
    where folder.hasPrefix("python3") {
      for (major, place) in [13: "cu13/lib/libnvrtc.so.13", 12: "cuda_nvrtc/lib/libnvrtc.so.12"] {
        let path = "\(lib)/\(folder)/site-packages/nvidia/\(place)"
        if FileManager.default.fileExists(atPath: path) { found[major] = path }
      }
    }
    return found
  }()

  /// The folder with a driver and a compiler that stand for a GPU; nil where none were built.
  static let emulation = ProcessInfo.processInfo.environment["EMETH_EMULATED_CUDA"]

  /// What finds them, and nothing else; cuBLASLt and NCCL where they are wanted.
  static func emulated(products: Bool = false, collectives: Bool = false) throws -> CUDALibrarySearch {
    let folder = emulation ?? ""
    return CUDALibrarySearch(
      explicit: [
        .driver: folder + "/libcuda.so.1", .compiler: folder + "/libnvrtc.so.13",
        .products: products ? folder + "/libcublasLt.so.13" : "/nowhere/libcublasLt.so",
        .collectives: collectives ? folder + "/libnccl.so.2" : "/nowhere/libnccl.so.2",
      ], environment: [:])
  }

  /// How many graphs the emulated driver has, and how often it ran one.
  static func emulatedGraphs() throws -> (count: Int, launches: Int) {
    (try number("emulated_graph_count"), try number("emulated_graph_launches"))
  }

  /// How many kernels the emulated driver was given one by one, and how often somebody waited for it.
  static func emulatedQueue() throws -> (kernels: Int, waits: Int) {
    (try number("emulated_kernel_count"), try number("emulated_wait_count"))
  }

  /// How many objects of the emulated cuBLASLt there are, and how many products it has done.
  static func emulatedProducts() throws -> (handles: Int, count: Int) {
    let library = "libcublasLt.so.13"
    return (
      try number("emulated_product_handles", library), try number("emulated_product_count", library)
    )
  }

  /// How many communicators of the emulated NCCL there are, and how many elements it has added up.
  static func emulatedCollectives() throws -> (communicators: Int, sums: Int) {
    let library = "libnccl.so.2"
    return (
      try number("emulated_communicator_count", library), try number("emulated_sum_count", library)
    )
  }

  private static func number(_ name: String, _ file: String = "libcuda.so.1") throws -> Int {
    let library = try #require(dlopen((emulation ?? "") + "/" + file, RTLD_NOW))
    let function = try #require(dlsym(library, name))
    return Int(unsafeBitCast(function, to: (@convention(c) () -> CLong).self)())
  }

  static func compiler(_ major: Int) throws -> CUDACompiler {
    try CUDACompiler.open(
      search: CUDALibrarySearch(explicit: [.compiler: compilers[major] ?? ""], environment: [:]))
  }

  /// A folder of its own, removed when the body ends.
  static func inFolder(_ body: (URL) throws -> Void) throws {
    let folder = FileManager.default.temporaryDirectory.appendingPathComponent("emeth-\(UUID().uuidString)")
    try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
    defer { try? FileManager.default.removeItem(at: folder) }
    try body(folder)
  }

  /// An empty file, with its folders.
  static func touch(_ path: String) throws {
    let url = URL(fileURLWithPath: path)
    try FileManager.default.createDirectory(
      at: url.deletingLastPathComponent(), withIntermediateDirectories: true)
    try Data().write(to: url)
  }

  /// The folder of the kernels' texts.
  static let kernelFolder = URL(fileURLWithPath: #filePath).deletingLastPathComponent()
    .appendingPathComponent("../../../Sources/CEmethCompute/cuda/kernels").standardizedFileURL
}
