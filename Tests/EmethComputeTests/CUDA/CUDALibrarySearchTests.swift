import Foundation
import Testing

@testable import EmethCompute

@Suite struct CUDALibrarySearchTests {
  @Test("the places come in the order that is promised, newer compilers first, and only files that exist")
  func order() throws {
    try CUDATestTools.inFolder { folder in
      let root = folder.path
      let wheel = "/lib/python3.12/site-packages/nvidia/"
      let files = [
        "/own/lib64/libnvrtc.so.12", "/own/lib/libnvrtc.so.13",
        "/usr/local/cuda/lib64/libnvrtc.so.12", "/usr/local/cuda-13.1/lib64/libnvrtc.so.13",
        "/usr/local/cuda-13.10/lib64/libnvrtc.so.13", "/usr/local/cudax/lib64/libnvrtc.so.13",
        "/venv\(wheel)cuda_nvrtc/lib/libnvrtc.so.12", "/venv\(wheel)cu13/lib/libnvrtc.so.13",
        "/home/.local\(wheel)cu13/lib/libnvrtc.so.13",
        "/usr/lib/python3.11/dist-packages/nvidia/cu13/lib/libnvrtc.so.13",
      ]
      for file in files { try CUDATestTools.touch(root + file) }
      let search = CUDALibrarySearch(
        explicit: [:],
        environment: [
          "EMETH_CUDA_PATH": root + "/own", "VIRTUAL_ENV": root + "/venv", "HOME": root + "/home",
        ],
        root: root)
      let places = search.places(of: .compiler)
      let found = places.map { "\($0.origin.rawValue) " + $0.path.replacingOccurrences(of: root, with: "") }
      #expect(
        found == [
          "environment /own/lib/libnvrtc.so.13", "environment /own/lib64/libnvrtc.so.12",
          "system libnvrtc.so.13", "system libnvrtc.so.12",
          "toolkit /usr/local/cuda-13.10/lib64/libnvrtc.so.13",
          "toolkit /usr/local/cuda-13.1/lib64/libnvrtc.so.13", "toolkit /usr/local/cuda/lib64/libnvrtc.so.12",
          "wheel /venv\(wheel)cu13/lib/libnvrtc.so.13",
          "wheel /home/.local\(wheel)cu13/lib/libnvrtc.so.13",
          "wheel /usr/lib/python3.11/dist-packages/nvidia/cu13/lib/libnvrtc.so.13",
          "wheel /venv\(wheel)cuda_nvrtc/lib/libnvrtc.so.12",
        ])
      var named = search
      named.explicit[.compiler] = "/nowhere/libnvrtc.so"
      #expect(named.places(of: .compiler) == [.init(path: "/nowhere/libnvrtc.so", origin: .explicit)])
      #expect(named.places(of: .driver) == [.init(path: "libcuda.so.1", origin: .system)])
    }
  }

  @Test("a library that can't be opened is told with every place and reason")
  func missing() throws {
    try CUDATestTools.inFolder { folder in
      let path = folder.appendingPathComponent("libnvrtc.so.13").path
      try Data("no library".utf8).write(to: URL(fileURLWithPath: path))
      let search = CUDALibrarySearch(explicit: [.compiler: path, .driver: path], environment: [:])
      let error = #expect(throws: ComputeError.self) { try CUDACompiler.open(search: search) }
      #expect(error?.code == "compute.libraryUnavailable")
      #expect(error?.message.contains(path) ?? false, "\(String(describing: error))")
      #expect(error?.hint?.contains("pip install nvidia-cuda-nvrtc") ?? false)
      let driver = #expect(throws: ComputeError.self) { try CUDADriver.open(search: search) }
      #expect(driver?.message.hasPrefix("no driver of NVIDIA's can be used: \(path): ") ?? false)
      #expect(driver?.hint == "install NVIDIA's driver 525 or later")
    }
  }

  @Test("a library that is another one is refused by the function that it lacks")
  func otherLibrary() {
    let search = CUDALibrarySearch(explicit: [.compiler: "libc.so.6"], environment: [:])
    let error = #expect(throws: ComputeError.self) { try CUDACompiler.open(search: search) }
    #expect(
      error?.message.contains("it has no function nvrtcVersion") ?? false, "\(String(describing: error))")
  }

  @Test("architectures", arguments: ["sm_80", "sm_86", "sm_90", "sm_90a", "sm_100f", "sm_120", "sm_121a"])
  func architectures(name: String) throws {
    #expect(try CUDAArchitecture(name).name == name)
  }

  @Test(
    "names that are no architecture, or too old a one",
    arguments: [
      "", "sm_", "sm_75", "sm_90b", "sm_9 0", "compute_90", "90", "sm_-90", "SM_90", "sm_90a -o x", "sm_９０",
    ])
  func badArchitectures(name: String) {
    #expect(throws: ComputeError.self) { try CUDAArchitecture(name) }
  }

  @Test func architectureOfACapability() {
    #expect(CUDAArchitecture(major: 9, minor: 0)?.name == "sm_90a")
    #expect(CUDAArchitecture(major: 8, minor: 6)?.name == "sm_86")
    #expect(CUDAArchitecture(major: 12, minor: 0)?.name == "sm_120")
    #expect(CUDAArchitecture(major: 7, minor: 5) == nil)
  }
}
