import Foundation
import Testing

@testable import EmethCompute

@Suite struct CUDAKernelCacheTests {
  private let code = CUDACode(
    bytes: (0..<1000).map { UInt8(truncatingIfNeeded: $0 &* 7) }, log: "ptxas info: 猫")

  @Test("what was kept comes back; a file changed in any part does not")
  func keepsAndChecks() throws {
    try CUDATestTools.inFolder { folder in
      let cache = CUDAKernelCache(folder: folder.appendingPathComponent("a/b", isDirectory: true))
      #expect(cache.code("key") == nil)
      cache.keep(code, "key")
      #expect(cache.code("key") == code)
      #expect(cache.code("other") == nil)
      let own = try #require(cache.folder)
      #expect(try FileManager.default.contentsOfDirectory(atPath: own.path) == ["key.kernels"])
      let mode = try FileManager.default.attributesOfItem(atPath: own.path)[.posixPermissions] as? Int
      #expect(mode == 0o700)
      let file = own.appendingPathComponent("key.kernels")
      let whole = try Data(contentsOf: file)
      for place in [0, 7, 8, 39, 40, 47, 48, 500, whole.count - 1] {
        var bad = whole
        bad[place] ^= 1
        try bad.write(to: file)
        #expect(cache.code("key") == nil, "byte \(place)")
      }
      for count in [0, 8, 40, 47, 48, whole.count - 1] {
        try whole.prefix(count).write(to: file)
        #expect(cache.code("key") == nil, "\(count) bytes")
      }
      try (whole + [0]).write(to: file)
      #expect(cache.code("key") == nil)
      cache.keep(code, "key")
      #expect(cache.code("key") == code)
    }
  }

  @Test("a folder that can't be, and none at all, keep nothing and fail nothing")
  func notWritable() throws {
    try CUDATestTools.inFolder { folder in
      let file = folder.appendingPathComponent("file")
      try Data().write(to: file)
      for cache in [
        CUDAKernelCache(folder: file.appendingPathComponent("kernels")), CUDAKernelCache(folder: nil),
      ] {
        cache.keep(code, "key")
        #expect(cache.code("key") == nil)
      }
    }
  }

  @Test func folderByTheEnvironment() {
    func folder(_ environment: [String: String]) -> String? {
      CUDAKernelCache(environment: environment).folder?.path
    }
    #expect(folder(["XDG_CACHE_HOME": "/x", "HOME": "/h"]) == "/x/emeth/kernels")
    #expect(folder(["HOME": "/h"]) == "/h/.cache/emeth/kernels")
    #expect(folder(["XDG_CACHE_HOME": "relative", "HOME": "/h"]) == "/h/.cache/emeth/kernels")
    #expect(folder([:]) == nil)
  }

  @Test("the key follows from the program, the architecture and the compiler")
  func keys() throws {
    let programs = CUDAProgram.all
    var keys: Set<String> = []
    for program in programs {
      for name in ["sm_80", "sm_90a"] {
        for minor in 0...1 {
          let version = CUDALibrary.Version(major: 12, minor: minor)
          keys.insert(try CUDAKernelCache.key(of: program, for: CUDAArchitecture(name), compiler: version))
        }
      }
    }
    #expect(keys.count == 4 * programs.count)
    #expect(keys.allSatisfy { $0.utf8.count == 64 })
  }
}
