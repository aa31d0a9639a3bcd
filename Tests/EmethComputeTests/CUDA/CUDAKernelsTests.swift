import Foundation
import Testing

@testable import EmethCompute

@Suite struct CUDAKernelsTests {
  @Test("every file of kernels is part of the library, and its kernels are those of the list")
  func sources() throws {
    let folder = CUDATestTools.kernelFolder
    let files = try FileManager.default.contentsOfDirectory(atPath: folder.path).filter {
      $0.hasSuffix(".cu")
    }
    #expect(Set(files) == Set(CUDAProgram.all.map(\.name)))
    for program in CUDAProgram.all {
      let text = try String(contentsOf: folder.appendingPathComponent(program.name), encoding: .utf8)
      #expect(program.text == text, "\(program.name)")
      #expect(!program.kernels.isEmpty, "\(program.name) has no kernel in kernels/list.h")
    }
    let names = CUDAProgram.all.flatMap(\.kernels)
    #expect(Set(names).count == names.count)
  }

  @Test("what the assembler says is read as it stands, in the words of NVRTC 12 and 13")
  func log() {
    let program = CUDAProgram(index: 0, name: "x.cu", kernels: ["add", "big", "absent"])
    let log = """
      x.cu(3): warning #177-D: variable "y" was declared but never referenced

      ptxas info    : 0 bytes gmem
      ptxas info    : Compiling entry function 'big' for 'sm_90a'
      ptxas info    : Function properties for big
      ptxas         .     312 bytes stack frame, 652 bytes spill stores, 664 bytes spill loads
      ptxas info    : Function properties for helper
      ptxas         .     16 bytes stack frame, 4 bytes spill stores, 4 bytes spill loads
      ptxas info    : Used 32 registers, used 1 barriers, 312 bytes cumulative stack size, 4096 bytes smem
      ptxas info    : Compile time = 25.496 ms
      ptxas info    : Compiling entry function 'add' for 'sm_90a'
      ptxas info    : Function properties for add
          0 bytes stack frame, 0 bytes spill stores, 0 bytes spill loads
      ptxas info    : Used 12 registers, 380 bytes cmem[0]
      """
    let reports = CUDAKernelReport.reports(of: program, log: log)
    #expect(
      reports == [
        CUDAKernelReport(
          name: "add", program: "x.cu", registers: 12, spillStoreBytes: 0, spillLoadBytes: 0, stackBytes: 0,
          sharedBytes: 0),
        CUDAKernelReport(
          name: "big", program: "x.cu", registers: 32, spillStoreBytes: 652, spillLoadBytes: 664,
          stackBytes: 312,
          sharedBytes: 4096),
        CUDAKernelReport(name: "absent", program: "x.cu"),
      ])
    #expect(CUDAKernelReport.warnings(in: log).count == 1)
  }

  @Test(
    "every kernel compiles without a warning and says what it needs; products spill nothing",
    .enabled(if: CUDATestTools.compilers.count == 2, "EMETH_PYTHON has no NVRTC 12 and 13"),
    arguments: [("sm_80", 13), ("sm_90a", 13), ("sm_120", 13), ("sm_90a", 12)])
  func compiles(architecture: String, major: Int) throws {
    let compiler = try CUDATestTools.compiler(major)
    #expect(compiler.version.major == major)
    try CUDATestTools.inFolder { folder in
      let cache = CUDAKernelCache(folder: folder)
      let kernels = try CUDAKernels(for: CUDAArchitecture(architecture), compiler: compiler, cache: cache)
      #expect(kernels.warnings == [])
      #expect(kernels.compiledCount == CUDAProgram.all.count)
      #expect(kernels.reports.map(\.name).sorted() == CUDAProgram.all.flatMap(\.kernels).sorted())
      for kernel in kernels.reports {
        #expect((1...255).contains(kernel.registers ?? 0), "\(kernel)")
        // A product loses much by every spill; a kernel that waits for memory nothing by a few.
        let isProduct = ["matmul", "packed_product", "attention_flash"].contains {
          kernel.name.hasPrefix($0)
        }
        #expect((kernel.spillStoreBytes ?? .max) <= (isProduct ? 0 : 16), "\(kernel)")
        #expect((kernel.sharedBytes ?? .max) <= 48 << 10, "\(kernel)")
      }
      // From the cache: the same, and nothing compiled.
      let again = try CUDAKernels(for: CUDAArchitecture(architecture), compiler: compiler, cache: cache)
      #expect(again.compiledCount == 0)
      #expect(again.code == kernels.code && again.reports == kernels.reports)
      // A file that was cut short is compiled anew.
      let first = try #require(try FileManager.default.contentsOfDirectory(atPath: folder.path).first)
      try Data("EMETHGPU".utf8).write(to: folder.appendingPathComponent(first))
      #expect(
        try CUDAKernels(for: CUDAArchitecture(architecture), compiler: compiler, cache: cache).compiledCount
          == 1)
    }
  }

  @Test(
    "an architecture that the compiler does not know is told with its log",
    .enabled(if: CUDATestTools.compilers.count == 2, "EMETH_PYTHON has no NVRTC 12 and 13"))
  func unknownArchitecture() throws {
    let error = #expect(throws: ComputeError.self) {
      try CUDAKernels(
        for: CUDAArchitecture("sm_999"), compiler: CUDATestTools.compiler(12),
        cache: CUDAKernelCache(folder: nil))
    }
    #expect(error?.code == "compute.kernelsNotCompiled")
    #expect(error?.message.contains("gpu-architecture") ?? false, "\(String(describing: error))")
  }

  @Test(
    "a driver of CUDA 12 takes no machine code of NVRTC 13",
    .enabled(if: CUDATestTools.compilers.count == 2, "EMETH_PYTHON has no NVRTC 12 and 13"))
  func driverIsOlder() throws {
    let path = try #require(CUDATestTools.compilers[13])
    let search = CUDALibrarySearch(explicit: [.compiler: path], environment: [:])
    let error = #expect(throws: ComputeError.self) {
      try CUDACompiler.open(search: search, driver: CUDALibrary.Version(major: 12, minor: 4))
    }
    #expect(error?.message.contains("the driver takes machine code of CUDA 12 at most") ?? false)
    _ = try CUDACompiler.open(search: search, driver: CUDALibrary.Version(major: 13, minor: 0))
  }
}
