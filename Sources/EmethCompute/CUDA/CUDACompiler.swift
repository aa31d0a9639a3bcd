import CEmethCompute

/// NVRTC, the compiler of the kernels, opened where it was found.
///
/// ```swift
/// let compiler = try CUDACompiler.open()
/// print(compiler.version, compiler.place.path)
/// ```
public final class CUDACompiler: Sendable {
  /// Where it lies.
  public let place: CUDALibrary.Place
  /// Its version: 12 or 13 and a minor one.
  public let version: CUDALibrary.Version
  /// NVRTC may be called from several threads at once.
  nonisolated(unsafe) private let handle: OpaquePointer

  /// Major versions that this library knows.
  static let knownMajors = 12...13

  /// The first that the search finds and that this library and the driver know.
  ///
  /// - Parameters:
  ///   - search: where to look.
  ///   - driver: the version of CUDA that the driver offers: it does not take machine code of a newer major one.
  /// - Throws: `ComputeError.libraryUnavailable` with what was tried.
  public static func open(
    search: CUDALibrarySearch = CUDALibrarySearch(), driver: CUDALibrary.Version? = nil
  ) throws(ComputeError) -> CUDACompiler {
    var attempts: [CUDALibrary.Attempt] = []
    guard let found = find(search: search, driver: driver, attempts: &attempts) else {
      throw .libraryUnavailable(library: .compiler, attempts: attempts)
    }
    return found
  }

  /// As `open`, with what became of every place that was tried.
  static func find(
    search: CUDALibrarySearch, driver: CUDALibrary.Version?, attempts: inout [CUDALibrary.Attempt]
  ) -> CUDACompiler? {
    for place in search.places(of: .compiler) {
      var handle: OpaquePointer?
      var (major, minor): (Int32, Int32) = (0, 0)
      let (status, message) = withCUDAMessage { emeth_nvrtc_open(&handle, place.path, &major, &minor, $0) }
      guard status == EMETH_OK, let handle else {
        attempts.append(.init(place: place, problem: status == EMETH_NO_MEMORY ? "out of memory" : message))
        continue
      }
      let version = CUDALibrary.Version(major: Int(major), minor: Int(minor))
      if let problem = problem(of: version, driver: driver) {
        emeth_nvrtc_close(handle)
        attempts.append(.init(place: place, problem: problem))
        continue
      }
      attempts.append(.init(place: place, problem: nil))
      return CUDACompiler(place: place, version: version, handle: handle)
    }
    return nil
  }

  private static func problem(of version: CUDALibrary.Version, driver: CUDALibrary.Version?) -> String? {
    guard knownMajors.contains(version.major) else {
      return "its version is \(version), allowed is \(knownMajors.lowerBound) or \(knownMajors.upperBound)"
    }
    guard let driver, version.major > driver.major else { return nil }
    return "its version is \(version), the driver takes machine code of CUDA \(driver.major) at most"
  }

  private init(place: CUDALibrary.Place, version: CUDALibrary.Version, handle: OpaquePointer) {
    self.place = place
    self.version = version
    self.handle = handle
  }

  deinit { emeth_nvrtc_close(handle) }

  /// What every program is compiled with: roundings as the CPU's, no product and sum made one unless the program says
  /// so, subnormal numbers kept, divisions and roots rounded correctly. The assembler says what a kernel needs.
  static func options(for architecture: CUDAArchitecture) -> [String] {
    [
      "--gpu-architecture=\(architecture)", "--std=c++17", "--fmad=false", "--ftz=false", "--prec-div=true",
      "--prec-sqrt=true", "--ptxas-options=-v",
    ]
  }

  /// Machine code and what the compiler said of it.
  ///
  /// - Throws: `ComputeError.kernelsNotCompiled` with the compiler's log, `outOfMemory`.
  func compile(
    _ program: CUDAProgram, for architecture: CUDAArchitecture
  ) throws(ComputeError) -> CUDACode {
    let options = Self.options(for: architecture)
    var code = emeth_cuda_code()
    defer { emeth_cuda_code_free(&code) }
    let (status, message) = withCUDAMessage { message in
      Self.withCStrings(options) { pointers in
        emeth_nvrtc_compile(handle, &code, program.index, pointers, options.count, message)
      }
    }
    let log = code.log.map { String(cString: $0) } ?? ""
    guard status == EMETH_OK, let bytes = code.code else {
      if status == EMETH_NO_MEMORY { throw .outOfMemory(bytes: 0) }
      throw .kernelsNotCompiled(
        program: program.name, architecture: architecture.name, reason: message, log: log)
    }
    return CUDACode(bytes: Array(UnsafeRawBufferPointer(start: bytes, count: code.bytes)), log: log)
  }

  /// Calls `body` with the texts, each ended by a zero.
  private static func withCStrings<Result>(
    _ texts: [String], _ body: ([UnsafePointer<CChar>?]) -> Result
  ) -> Result {
    var bytes: [CChar] = []
    var offsets: [Int] = []
    for text in texts {
      offsets.append(bytes.count)
      bytes += text.utf8CString
    }
    return bytes.withUnsafeBufferPointer { buffer in
      body(offsets.map { buffer.baseAddress?.advanced(by: $0) })
    }
  }
}

/// Machine code of a program, and what the compiler said.
struct CUDACode: Sendable, Hashable {
  var bytes: [UInt8]
  var log: String
}
