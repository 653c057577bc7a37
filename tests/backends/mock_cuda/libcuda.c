// A stand-in for NVIDIA's driver library: it answers what Triton's driver.c and launchers ask,
// starts nothing, and notes each launch with the bytes of its kernel's parameters.
#include <cuda.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#define MOST_LAUNCHES 65536
#define MOST_PARAMETERS 32
#define MOST_KERNELS 512

typedef struct {
  char name[96];
  int32_t parameters;             // -1: not told
  int32_t sizes[MOST_PARAMETERS]; // bytes each
} Kernel;

typedef struct {
  char name[96];
  uint32_t grid[3], block[3], shared, attributes;
  uint64_t stream, context;
  int32_t parameters;
  uint64_t values[MOST_PARAMETERS]; // zero-extended
} Launch;

static Kernel kernels[MOST_KERNELS];
static int kernel_count = 0;
static Launch *launches = NULL;
static uint64_t launch_count = 0;
static int fail_with = 0;
static int quiet = 0;
static _Thread_local CUcontext context = NULL;

// --- what a test asks and tells ---

uint64_t mock_count(void) { return launch_count; }
const Launch *mock_launch(uint64_t at) { return &launches[at]; }
void mock_fail_next(int code) { fail_with = code; }
// Quiet: count launches and note nothing, for measuring the host's time.
void mock_quiet(int on) { quiet = on; }
// Say how many bytes each parameter of the kernel loaded last has.
int mock_tell(const char *name, int count, const int32_t *sizes) {
  for (int k = kernel_count - 1; k >= 0; k--)
    if (strcmp(kernels[k].name, name) == 0 && kernels[k].parameters < 0) {
      kernels[k].parameters = count;
      memcpy(kernels[k].sizes, sizes, sizeof(int32_t) * count);
      return 1;
    }
  return 0;
}

// --- what Triton asks ---

static int number(const char *variable, int otherwise) {
  const char *text = getenv(variable);
  return text ? atoi(text) : otherwise;
}

CUresult cuInit(unsigned flags) { return CUDA_SUCCESS; }
CUresult cuDriverGetVersion(int *version) { *version = 13000; return CUDA_SUCCESS; }
CUresult cuDeviceGetCount(int *count) { *count = 2; return CUDA_SUCCESS; }
CUresult cuDeviceGet(CUdevice *device, int ordinal) { *device = ordinal; return CUDA_SUCCESS; }

CUresult cuDeviceGetAttribute(int *value, CUdevice_attribute attribute, CUdevice device) {
  int capability = number("MOCK_CAPABILITY", 90);
  switch ((int)attribute) {
  case CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_MAJOR: *value = capability / 10; break;
  case CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_MINOR: *value = capability % 10; break;
  case CU_DEVICE_ATTRIBUTE_MAX_SHARED_MEMORY_PER_BLOCK_OPTIN:
    *value = device == 0 ? 232448 : 24576;
    break;
  case CU_DEVICE_ATTRIBUTE_MAX_SHARED_MEMORY_PER_MULTIPROCESSOR: *value = 233472; break;
  case CU_DEVICE_ATTRIBUTE_MAX_REGISTERS_PER_BLOCK: *value = 65536; break;
  case CU_DEVICE_ATTRIBUTE_MULTIPROCESSOR_COUNT: *value = 132; break;
  case CU_DEVICE_ATTRIBUTE_WARP_SIZE: *value = 32; break;
  default: *value = 1;
  }
  return CUDA_SUCCESS;
}

CUresult cuDevicePrimaryCtxRetain(CUcontext *made, CUdevice device) {
  *made = (CUcontext)(uintptr_t)(0x1000 + device);
  return CUDA_SUCCESS;
}
CUresult cuCtxGetCurrent(CUcontext *current) { *current = context; return CUDA_SUCCESS; }
CUresult cuCtxSetCurrent(CUcontext wanted) { context = wanted; return CUDA_SUCCESS; }
CUresult cuCtxGetDevice(CUdevice *device) {
  *device = (int)((uintptr_t)context - 0x1000);
  return CUDA_SUCCESS;
}
CUresult cuCtxGetLimit(size_t *value, CUlimit limit) { *value = 0; return CUDA_SUCCESS; }
CUresult cuCtxSetLimit(CUlimit limit, size_t value) { return CUDA_SUCCESS; }

CUresult cuModuleLoadData(CUmodule *module, const void *image) {
  *module = (CUmodule)(uintptr_t)0x2000;
  return CUDA_SUCCESS;
}
CUresult cuModuleUnload(CUmodule module) { return CUDA_SUCCESS; }
CUresult cuModuleGetFunction(CUfunction *function, CUmodule module, const char *name) {
  if (kernel_count == MOST_KERNELS)
    return CUDA_ERROR_OUT_OF_MEMORY;
  Kernel *kernel = &kernels[kernel_count++];
  strncpy(kernel->name, name, sizeof(kernel->name) - 1);
  kernel->parameters = -1;
  *function = (CUfunction)kernel;
  return CUDA_SUCCESS;
}
CUresult cuFuncGetAttribute(int *value, CUfunction_attribute attribute, CUfunction function) {
  *value = attribute == CU_FUNC_ATTRIBUTE_MAX_THREADS_PER_BLOCK ? 1024 : 0;
  return CUDA_SUCCESS;
}
CUresult cuFuncSetAttribute(CUfunction function, CUfunction_attribute attribute, int value) {
  return CUDA_SUCCESS;
}
CUresult cuFuncSetCacheConfig(CUfunction function, CUfunc_cache config) { return CUDA_SUCCESS; }

CUresult cuLaunchKernelEx(const CUlaunchConfig *config, CUfunction function, void **parameters,
                          void **extra) {
  if (fail_with) {
    CUresult code = (CUresult)fail_with;
    fail_with = 0;
    return code;
  }
  if (quiet)
    return CUDA_SUCCESS;
  if (launches == NULL)
    launches = calloc(MOST_LAUNCHES, sizeof(Launch));
  if (launch_count == MOST_LAUNCHES)
    return CUDA_ERROR_OUT_OF_MEMORY;
  Kernel *kernel = (Kernel *)function;
  Launch *launch = &launches[launch_count++];
  memcpy(launch->name, kernel->name, sizeof(launch->name));
  launch->grid[0] = config->gridDimX;
  launch->grid[1] = config->gridDimY;
  launch->grid[2] = config->gridDimZ;
  launch->block[0] = config->blockDimX;
  launch->block[1] = config->blockDimY;
  launch->block[2] = config->blockDimZ;
  launch->shared = config->sharedMemBytes;
  launch->attributes = config->numAttrs;
  launch->stream = (uint64_t)config->hStream;
  launch->context = (uint64_t)context;
  launch->parameters = kernel->parameters;
  for (int k = 0; k < kernel->parameters; k++)
    memcpy(&launch->values[k], parameters[k], kernel->sizes[k]);
  return CUDA_SUCCESS;
}

CUresult cuPointerGetAttribute(void *value, CUpointer_attribute attribute, CUdeviceptr pointer) {
  if (pointer < 0x200000000 || pointer >= 0x300000000) // where the tests' device memory lies
    return CUDA_ERROR_INVALID_VALUE;
  *(CUdeviceptr *)value = pointer;
  return CUDA_SUCCESS;
}
CUresult cuStreamIsCapturing(CUstream stream, CUstreamCaptureStatus *status) {
  *status = CU_STREAM_CAPTURE_STATUS_NONE;
  return CUDA_SUCCESS;
}
CUresult cuGetErrorString(CUresult code, const char **text) {
  *text = code == CUDA_ERROR_ILLEGAL_ADDRESS ? "an illegal memory access was encountered"
                                             : "invalid argument";
  return CUDA_SUCCESS;
}
// Tensor maps, which 3.9 names when it is built and these tests never make.
CUresult cuTensorMapEncodeTiled(CUtensorMap *map, CUtensorMapDataType type, cuuint32_t rank,
                                void *address, const cuuint64_t *dim, const cuuint64_t *strides,
                                const cuuint32_t *box, const cuuint32_t *element,
                                CUtensorMapInterleave interleave, CUtensorMapSwizzle swizzle,
                                CUtensorMapL2promotion promotion, CUtensorMapFloatOOBfill fill) {
  return CUDA_ERROR_NOT_SUPPORTED;
}
CUresult cuTensorMapEncodeIm2col(CUtensorMap *map, CUtensorMapDataType type, cuuint32_t rank,
                                 void *address, const cuuint64_t *dim, const cuuint64_t *strides,
                                 const int *low, const int *high, cuuint32_t channels,
                                 cuuint32_t pixels, const cuuint32_t *element,
                                 CUtensorMapInterleave interleave, CUtensorMapSwizzle swizzle,
                                 CUtensorMapL2promotion promotion, CUtensorMapFloatOOBfill fill) {
  return CUDA_ERROR_NOT_SUPPORTED;
}
CUresult cuOccupancyMaxActiveClusters(int *count, CUfunction function,
                                      const CUlaunchConfig *config) {
  *count = 1;
  return CUDA_SUCCESS;
}
